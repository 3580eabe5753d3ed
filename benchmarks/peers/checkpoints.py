"""llava-mini as transformers' own LlavaForConditionalGeneration, and as a folder for vLLM."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    logging,
)

from benchmarks.transformers_loop import to_transformers
from emma_eval.models import model_folder
from emma_eval.models.clip.model import ClipTowers
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.multimodal.runner import ModelRunner

TOWER = model_folder("llava-mini").parent / "clip-mini"
IMAGE_TOKEN = "<image>"
# transformers' prefixes of today -> those from before 4.52, which vLLM reads, too
EARLIER_PREFIXES = {
    "model.language_model.": "language_model.model.",
    "model.vision_tower.": "vision_tower.",
    "model.multi_modal_projector.": "multi_modal_projector.",
    "lm_head.": "language_model.lm_head.",
}


def to_llava(runner: ModelRunner[EmmaModel]) -> LlavaForConditionalGeneration:
    """llava-mini as transformers' model. Its image token has the id behind our last one.

    The vision tower ends at the layer that is used, so that no layer is computed for nothing.
    """
    model, llama = runner.model, to_transformers(runner.model.llama)
    assert isinstance(model.towers, ClipTowers) and isinstance(model.projector, nn.Sequential)
    logging.set_verbosity_error()  # or it lists the text tower and the last layer as unexpected
    vision = CLIPVisionConfig.from_pretrained(TOWER, num_hidden_layers=len(model.towers.vision.layers))
    image_id = model.llama.config.vocab_size
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig.from_dict(llama.config.to_dict() | {"vocab_size": image_id + 1}),
        image_token_index=image_id,
        image_seq_length=model.num_image_tokens,
        vision_feature_layer=-1,
        eos_token_id=sorted(runner.eos_ids),
    )
    theirs = LlavaForConditionalGeneration._from_config(config, dtype=model.llama.dtype, attn_implementation="sdpa")
    theirs.model.vision_tower.load_state_dict(CLIPVisionModel.from_pretrained(TOWER, config=vision).state_dict())
    projector = {
        f"linear_{1 + int(name[0]) // 2}{name[1:]}": value for name, value in model.projector.state_dict().items()
    }
    theirs.model.multi_modal_projector.load_state_dict(projector)
    theirs.model.language_model.load_state_dict(
        llama.model.state_dict() | {"embed_tokens.weight": _one_row_more(llama.model.embed_tokens.weight)}
    )
    theirs.lm_head.load_state_dict({"weight": _one_row_more(llama.lm_head.weight)})
    return theirs.eval()


def _one_row_more(rows: Tensor) -> Tensor:
    """A row for the image token: as an output it equals that of id 0, which comes first, so it is never chosen."""
    return torch.cat([rows, rows[:1]])


def save_llava(runner: ModelRunner[EmmaModel], folder: Path) -> None:
    """llava-mini as a folder for vLLM, with a processor for images of the right size and the image token alone."""
    llava = to_llava(runner)
    llava.config.architectures = ["LlavaForConditionalGeneration"]
    llava.config.save_pretrained(folder)
    tensors = {_earlier_name(name): value.contiguous() for name, value in llava.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    words = Tokenizer(WordLevel({"<unk>": 0, IMAGE_TOKEN: llava.config.image_token_index}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", extra_special_tokens={"image_token": IMAGE_TOKEN}
    )
    LlavaProcessor(
        image_processor=CLIPImageProcessor.from_pretrained(TOWER),
        tokenizer=tokenizer,
        patch_size=llava.config.vision_config.patch_size,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)


def _earlier_name(name: str) -> str:
    prefix = next(prefix for prefix in EARLIER_PREFIXES if name.startswith(prefix))
    name = EARLIER_PREFIXES[prefix] + name.removeprefix(prefix)
    has_model = not name.startswith("vision_tower.") or ".vision_model." in name
    return name if has_model else name.replace("vision_tower.", "vision_tower.vision_model.", 1)
