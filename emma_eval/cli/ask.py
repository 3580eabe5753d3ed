"""`ask`: one question or complete prompt to a model, one answer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.cli.arguments import ASKING, add_model_options, named_options, not_negative, positive
from emma_eval.errors import UserError
from emma_eval.utils.terminal import print_message

if TYPE_CHECKING:
    from emma_eval.inference.engine import Engine, EngineDescription
    from emma_eval.types import Generation, Request

EPILOG = """\
examples:
  emma-eval ask --model emma-mini --image image.png "What colour is the square?"
  emma-eval ask --model emma-mini --json "Is a square round?"    ids, prompt and instruction too
  emma-eval ask --model llava-mini --image a.png --image b.png "Which is larger?"
  emma-eval ask --model models/mplug-owl2-llama2-7b --image kite.jpg --json \\
      --raw-prompt "USER: <|image|>What is it? ASSISTANT: "

A complete prompt is sent as it is, with the model's own marker for each image (<|image|> for mPLUG-Owl2, <image> for
LLaVA); mPLUG-Owl2 then answers as in its authors' evaluation: at least one new token."""

LEAST_OF_RAW_PROMPTS = {"mplug_owl2": 1}  # model family -> min_new_tokens of its authors' evaluation scripts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("question", metavar="QUESTION", nargs="?", help="the question, options and all")
    add("--raw-prompt", metavar="TEXT", help="in place of QUESTION: the complete prompt, conversation template and all")
    add("--model", required=True, metavar="M", help="a built-in name, a checkpoint folder or a hub name")
    add(
        "--image",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an image, in order; without one, the language model alone answers; may be repeated",
    )
    add("--suffix", metavar="S", help="what a benchmark adds below the question, such as 'Answer briefly.'")
    add(
        "--instruction",
        choices=("first_line", "full"),
        default="first_line",
        help="how much of the question EMMA's text encoder reads (default: %(default)s)",
    )
    add("--json", action="store_true", help="print ids, prompt, template, model and counts too, as JSON")
    group = parser.add_argument_group(ASKING)
    add = group.add_argument
    add("--device", help="cpu, cuda, cuda:1, ... (a GPU if there is one)")
    add("--dtype", default="auto", metavar="D", help="float32, float16, bfloat16 or auto (the default)")
    add_model_options(group)
    add("--max-new-tokens", type=positive, default=128, metavar="N", help="the longest answer (default: %(default)s)")
    add(
        "--min-new-tokens",
        type=not_negative,
        metavar="N",
        help="the answer does not end before (default: 0; 1 for a complete prompt to mPLUG-Owl2)",
    )


def run(args: argparse.Namespace) -> int:
    """Load the model, ask, print the answer. Raises UserError for a model or an image that cannot be used."""
    from emma_eval.inference.loading import load_engine
    from emma_eval.models import find_model
    from emma_eval.models.base import ModelSpec
    from emma_eval.types import Failure, InferenceStats

    _check(args)
    spec = ModelSpec(args.model, args.device, args.dtype, named_options(args))
    model = find_model(spec)
    model.check_place(device_too=True)
    engine = load_engine(model)
    description = engine.describe()
    request = _request(args, description)
    ((_, outcome),) = engine.generate([request], InferenceStats())
    if isinstance(outcome, Failure):
        raise UserError(outcome.reason)
    answer_cut = f"; the answer was cut off at {args.max_new_tokens} tokens" * (outcome.finish_reason == "length")
    prompt_cut = "; the prompt was cut: it is longer than the model reads" * bool(outcome.prompt_cut)
    print_message(f"{args.model}: {description.summary}{answer_cut}{prompt_cut}")
    facts = _facts(engine, request, outcome) if args.json else None
    print(json.dumps(facts, ensure_ascii=False) if facts else outcome.text)
    engine.close()
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise UserError for options that do not go together, and for images that are not there."""
    if (args.question is None) == (args.raw_prompt is None):
        raise UserError("either QUESTION or --raw-prompt TEXT is expected (see emma-eval ask --help)")
    if args.raw_prompt == "":
        raise UserError("--raw-prompt is empty")
    if args.raw_prompt is not None and args.suffix is not None:
        raise UserError("--suffix: a complete prompt (--raw-prompt) is sent as it is; write the suffix into it")
    if (args.min_new_tokens or 0) > args.max_new_tokens:
        raise UserError(f"--min-new-tokens {args.min_new_tokens} is above --max-new-tokens {args.max_new_tokens}")
    for image in args.image:
        if not image.is_file():
            raise UserError(f"--image {image}: no such file")


def _request(args: argparse.Namespace, model: EngineDescription) -> Request:
    """What is asked. Raises UserError for a complete prompt to a model that takes none."""
    from emma_eval.images.sources import ImageFile
    from emma_eval.models.checkpoints.templates import IMAGE_SEPARATORS
    from emma_eval.prompts.building import build_message, instruction_of
    from emma_eval.types import Request

    is_raw = args.raw_prompt is not None
    if is_raw and not model.takes_raw_prompts:
        raise UserError(
            f"--raw-prompt: the model {args.model} takes no complete prompt; give it a QUESTION. Checkpoints of LLaVA "
            "and mPLUG-Owl2 and hf: models take one; EMMA's do not, for their text encoder reads the question by itself"
        )
    separator = IMAGE_SEPARATORS.get(model.family or "", "\n")
    message = args.raw_prompt or build_message(args.question, args.suffix, len(args.image), image_separator=separator)
    least = LEAST_OF_RAW_PROMPTS.get(model.family or "", 0) if is_raw else 0
    return Request(
        sample_id="ask",
        pass_index=0,
        message=message,
        instruction="" if is_raw else instruction_of(args.question, args.instruction),
        images=tuple(ImageFile(image.parent, image.name) for image in args.image),
        max_new_tokens=args.max_new_tokens,
        min_new_tokens=least if args.min_new_tokens is None else args.min_new_tokens,
        is_raw=is_raw,
    )


def _facts(engine: Engine, request: Request, answer: Generation) -> dict[str, Any]:
    """What --json prints; ids and counts that the model does not tell are null."""
    from emma_eval.inference.batched import BatchedEngine

    tokenized = engine.model.tokenize(request) if isinstance(engine, BatchedEngine) else None
    description = engine.describe()
    return {
        "input_ids": getattr(tokenized, "input_ids", None),
        "instruction_ids": getattr(tokenized, "instruction_ids", None),
        "generated_ids": answer.token_ids,
        "prompt": answer.prompt,
        "instruction": request.instruction,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "prompt_cut": answer.prompt_cut,
        "template": description.template,
        "model": description.summary,
        "min_new_tokens": request.min_new_tokens,
        "max_new_tokens": request.max_new_tokens,
        "images": len(request.images),
        "prompt_tokens": getattr(tokenized, "num_tokens", None),
        "new_tokens": len(answer.token_ids) or None,
    }
