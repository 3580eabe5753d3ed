"""`ask`: one question to a model, one answer."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from emma_eval.cli.arguments import positive
from emma_eval.errors import SampleError, UserError

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
    parser.add_argument("--max-new-tokens", type=positive, default=128, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print ids, prompt and instruction too, as JSON")


def run(args: argparse.Namespace) -> int:
    """Load the model, ask, print the answer."""
    from emma_eval.images.sources import ImageFile
    from emma_eval.models import load_model
    from emma_eval.prompts.building import instruction_of, message_of
    from emma_eval.types import Request

    if args.image and not args.image.is_file():
        raise UserError(f"no image {args.image}")
    model = load_model(args.model, dtype=args.dtype)
    request = Request(
        sample_id="ask",
        pass_index=0,
        message=message_of(args.question, args.suffix, images=int(args.image is not None)),
        instruction=instruction_of(args.question, args.instruction),
        images=(ImageFile(args.image.parent, args.image.name),) if args.image else (),
        max_new_tokens=args.max_new_tokens,
    )
    try:
        prompt = model.tokenize(request)
        (generation,) = model.ask([request])
    except SampleError as error:
        raise UserError(str(error)) from error
    cut_off = f"; the answer was cut off at {args.max_new_tokens} tokens" * (generation.finish_reason == "length")
    cut = "; the prompt was cut: it is longer than the model reads" * prompt.truncated
    print(f"{args.model}: {model.built}{cut_off}{cut}", file=sys.stderr)
    facts = {
        "input_ids": prompt.input_ids,
        "instruction_ids": prompt.instruction_ids,
        "generated_ids": generation.token_ids,
        "prompt": model.render_prompt(request.message),
        "instruction": request.instruction,
        "text": generation.text,
    }
    print(json.dumps(facts, ensure_ascii=False) if args.json else generation.text)
    return 0
