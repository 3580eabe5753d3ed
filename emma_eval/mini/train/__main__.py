"""Train emma-mini, llava-mini and owl2-mini from scratch; an interrupted run is resumed at its last checkpoint."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from PIL import Image
from transformers import CLIPModel

from emma_eval.data.readers.easy_vqa import installed_data
from emma_eval.mini.items import Item
from emma_eval.mini.train.clip import CONFIG, train_clip
from emma_eval.mini.train.examples import FAMILIES, Example, easy_examples, easy_questions, prompt_for, sample_texts
from emma_eval.mini.train.export import export_clip, export_model
from emma_eval.mini.train.export_owl2 import export_owl2
from emma_eval.mini.train.features import TextFeatureCache, encode_images
from emma_eval.mini.train.images import image_of, shrink, world_scene
from emma_eval.mini.train.loop import Schedule
from emma_eval.mini.train.model import Kind, TrainableVLM, new_language_model
from emma_eval.mini.train.stages import TrainingData, align, learn_language, tune
from emma_eval.mini.train.vocabulary import learn_tokenizer
from emma_eval.mini.world import blurred
from emma_eval.models.llama.tokenizer import LlamaTokenizer
from emma_eval.models.mplug_owl2.tokenizer import MPlugOwl2Tokenizer

BLURRED_EVERY = 12
KINDS: tuple[Kind, ...] = ("emma", "llava", "owl2")
TOKENIZERS = {"emma": LlamaTokenizer, "mplug_owl2": MPlugOwl2Tokenizer}


def main() -> None:
    """Train the chosen models with the chosen seeds and write their weights."""
    args = _arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    out = args.out or args.folder / "weights"
    tokenizer = args.folder / "tokenizer"
    if not (tokenizer / "tokenizer.model").exists():
        learn_tokenizer(_tokenizer_texts(), tokenizer)
    clip, used_ids = train_clip(args.folder, args.clip_steps, args.scenes)
    data = build_training_data(clip, tokenizer, args.folder, args.scenes)
    torch.manual_seed(0)
    language = new_language_model(len(data.tokenizers["emma"]))  # pretrained once: all models start from it
    learn_language(language, data, args.language_steps, args.folder)
    pretrained = {name: tensor.clone() for name, tensor in language.state_dict().items()}
    for seed in args.seeds:
        folder = out / f"seed-{seed}"  # seed 1 is shipped: emma_eval/mini/weights
        export_clip(clip, used_ids, folder)
        for kind in args.kinds:
            vlm = new_vlm(kind, pretrained, data, seed)
            align(vlm, data, args.align_steps, args.folder, seed)
            tune(vlm, data, Schedule(args.tune_steps, args.rate), args.folder, seed)
            if kind == "owl2":
                export_owl2(vlm, clip, tokenizer, folder / "owl2-mini")
            else:
                export_model(vlm, tokenizer, folder / f"{kind}-mini")


def build_training_data(clip: CLIPModel, tokenizer: Path, folder: Path, scenes: int) -> TrainingData:
    """Scenes, easy-VQA's examples, and the image features of all of them, which are cached in `folder`."""
    world = [world_scene(k) for k in range(scenes)]
    world = [blurred(scene) if index % BLURRED_EVERY == 0 else scene for index, scene in enumerate(world)]
    numbers = sorted({number for _, _, number in easy_questions("train")})
    cache = folder / f"features-{scenes}.pt"
    if not cache.exists():
        easy = [shrink(Image.open(installed_data("train") / "images" / f"{number}.png")) for number in numbers]
        torch.save(encode_images(clip, [image_of(scene).pixels for scene in world] + easy), cache)
    return TrainingData(
        scenes=world,
        easy=easy_examples({number: scenes + k for k, number in enumerate(numbers)}),
        vision=torch.load(cache, weights_only=True),
        text_features=TextFeatureCache(clip),
        tokenizers={family: TOKENIZERS[family](tokenizer) for family in FAMILIES},
    )


def new_vlm(kind: Kind, pretrained: dict[str, torch.Tensor], data: TrainingData, seed: int) -> TrainableVLM:
    """A model with an untrained connector and a language model of the `pretrained` parameters, by name."""
    language = new_language_model(len(data.tokenizers["emma"]))
    language.load_state_dict(pretrained)
    torch.manual_seed(seed)
    return TrainableVLM(kind, language, data.vision.shape[2], CONFIG.text_config.hidden_size)


def _tokenizer_texts() -> list[str]:
    rng = random.Random(0)
    easy = [Example("easy_vqa", Item(q, a), 0) for q, a, _ in list(easy_questions("train"))[:3000]]
    return [
        *sample_texts([world_scene(k) for k in range(3000)], rng),
        *(f"{prompt_for(example, family).text} {example.answer}" for example in easy for family in FAMILIES),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m emma_eval.mini.train", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("training"), help="checkpoints (%(default)s)")
    parser.add_argument("--out", type=Path, help="where the weights are written (FOLDER/weights)")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=KINDS, help="emma,llava,owl2")
    parser.add_argument("--seeds", type=lambda text: [int(s) for s in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--scenes", type=int, default=24_000)
    parser.add_argument("--clip-steps", type=int, default=1_200)
    parser.add_argument("--language-steps", type=int, default=3_600)
    parser.add_argument("--align-steps", type=int, default=100)
    parser.add_argument("--tune-steps", type=int, default=3_600)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate of stage 2")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (0: all)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
