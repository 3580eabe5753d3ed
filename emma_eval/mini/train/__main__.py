"""Train emma-mini and llava-mini from scratch; an interrupted run is resumed at its last checkpoint."""

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
from emma_eval.mini.train.examples import as_example, easy_examples, easy_questions, sample_texts
from emma_eval.mini.train.export import export_clip, export_model
from emma_eval.mini.train.features import TextFeatureCache, encode_images
from emma_eval.mini.train.images import image_of, shrink, world_scene
from emma_eval.mini.train.loop import Schedule
from emma_eval.mini.train.model import TrainableVLM
from emma_eval.mini.train.stages import TrainingData, align, learn_language, tune
from emma_eval.mini.train.vocabulary import learn_tokenizer
from emma_eval.mini.world import blurred
from emma_eval.models.llama.tokenizer import LlamaTokenizer

BLURRED_EVERY = 12
MODELS = {"emma-mini": True, "llava-mini": False}  # name -> has the alignment module


def main() -> None:
    """Train the chosen models and write their weights."""
    args = _arguments()
    torch.manual_seed(0)
    out = args.out or args.folder / "weights"  # not into the package, unless --out says so
    tokenizer = args.folder / "tokenizer"
    if not (tokenizer / "tokenizer.model").exists():
        learn_tokenizer(_tokenizer_texts(), tokenizer)
    clip, used_ids = train_clip(args.folder, args.clip_steps, args.scenes)
    export_clip(clip, used_ids, out)
    data = build_training_data(clip, tokenizer, args.folder, args.scenes)
    for name in args.models.split(","):
        vlm = _new_vlm(data, MODELS[name])
        if args.compile:
            vlm.llama.model.compile(dynamic=True)
        learn_language(vlm, data, args.language_steps, args.folder)
        align(vlm, data, args.align_steps, args.folder, name)
        tune(vlm, data, Schedule(args.tune_steps, args.rate), args.folder, name)
        export_model(vlm, tokenizer, out / name)


def build_training_data(clip: CLIPModel, tokenizer: Path, folder: Path, scenes: int) -> TrainingData:
    """Scenes, easy-VQA's examples, and the image features of all of them, which are cached in `folder`."""
    world = [world_scene(k, max_things=4) for k in range(scenes)]
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
        tokenizer=LlamaTokenizer(tokenizer),
    )


def _new_vlm(data: TrainingData, aligned: bool) -> TrainableVLM:
    torch.manual_seed(1)  # both models start from the same language model
    return TrainableVLM(len(data.tokenizer), data.vision.shape[2], CONFIG.text_config.hidden_size, aligned)


def _tokenizer_texts() -> list[str]:
    rng = random.Random(0)
    easy = [as_example("easy_vqa", Item(q, a), 0) for q, a, _ in list(easy_questions("train"))[:3000]]
    return [
        *sample_texts([world_scene(k, max_things=4) for k in range(3000)], rng),
        *(f"{e.prompt} {e.answer}" for e in easy),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m emma_eval.mini.train", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("training"), help="checkpoints (%(default)s)")
    parser.add_argument("--out", type=Path, help="where the weights are written (FOLDER/weights)")
    parser.add_argument("--models", default=",".join(MODELS), help="the models to train, separated by commas")
    parser.add_argument("--scenes", type=int, default=24_000)
    parser.add_argument("--clip-steps", type=int, default=1_400)
    parser.add_argument("--language-steps", type=int, default=2_400)
    parser.add_argument("--align-steps", type=int, default=200)
    parser.add_argument("--tune-steps", type=int, default=3_800)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate of stage 2")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="use torch.compile")
    return parser.parse_args()


if __name__ == "__main__":
    main()
