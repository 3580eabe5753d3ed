"""`ask`: one question to a model, one answer."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from emma_eval.cli.arguments import add_model_options, named_options, positive
from emma_eval.errors import UserError

EPILOG = """\
examples:
  emma-eval ask --model emma-mini --image image.png "What colour is the square?"
  emma-eval ask --model emma-mini --json "Is a square round?"    ids, prompt and instruction too"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("question", metavar="QUESTION", help="the question, options and all")
    parser.add_argument(
        "--model", required=True, metavar="M", help="a built-in name, a checkpoint folder or a hub name"
    )
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="the image; without one, the language model alone answers"
    )
    parser.add_argument(
        "--suffix", metavar="S", help="what a benchmark adds below the question, such as 'Answer briefly.'"
    )
    parser.add_argument(
        "--instruction",
        choices=("first_line", "full"),
        default="first_line",
        help="how much of the question EMMA's text encoder reads (default: %(default)s)",
    )
    parser.add_argument("--dtype", default="auto", metavar="D", help="float32, float16, bfloat16 or auto (the default)")
    add_model_options(parser)
    parser.add_argument("--max-new-tokens", type=positive, default=128, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print ids, prompt and instruction too, as JSON")


def run(args: argparse.Namespace) -> int:
    """Load the model, ask, print the answer. Raises UserError for a model or an image that cannot be used."""
    from emma_eval.images.sources import ImageFile
    from emma_eval.inference.batched import BatchedEngine
    from emma_eval.inference.loading import load_engine
    from emma_eval.models import find_model
    from emma_eval.models.base import ModelSpec
    from emma_eval.prompts.building import build_message, instruction_of
    from emma_eval.types import Failure, InferenceStats, Request

    if args.image and not args.image.is_file():
        raise UserError(f"no image {args.image}")
    spec = ModelSpec(args.model, dtype=args.dtype, options=named_options(args))
    engine = load_engine(find_model(spec))
    request = Request(
        sample_id="ask",
        pass_index=0,
        message=build_message(args.question, args.suffix, images=int(args.image is not None)),
        instruction=instruction_of(args.question, args.instruction),
        images=(ImageFile(args.image.parent, args.image.name),) if args.image else (),
        max_new_tokens=args.max_new_tokens,
    )
    ((_, outcome),) = engine.generate([request], InferenceStats())
    if isinstance(outcome, Failure):
        raise UserError(outcome.reason)
    answer_cut = f"; the answer was cut off at {args.max_new_tokens} tokens" * (outcome.finish_reason == "length")
    prompt_cut = "; the prompt was cut: it is longer than the model reads" * bool(outcome.prompt_cut)
    print(f"{args.model}: {engine.describe().summary}{answer_cut}{prompt_cut}", file=sys.stderr)
    tokenized = engine.model.tokenize(request) if isinstance(engine, BatchedEngine) else None
    facts = {
        "input_ids": getattr(tokenized, "input_ids", None),
        "instruction_ids": getattr(tokenized, "instruction_ids", None),
        "generated_ids": outcome.token_ids,
        "prompt": outcome.prompt,
        "instruction": request.instruction,
        "text": outcome.text,
    }
    print(json.dumps(facts, ensure_ascii=False) if args.json else outcome.text)
    engine.close()
    return 0
