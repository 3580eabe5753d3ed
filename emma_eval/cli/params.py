"""`params MODEL [MODEL...]`: parameters by part, trained and frozen, and the operations and bytes of a prompt."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import not_negative, positive, require_place
from emma_eval.errors import UserError

EPILOG = """\
examples:
  emma-eval params emma-mini llava-mini
  emma-eval params /models/emma-7b /models/llava-1.5-7b --text-tokens 80
  emma-eval params /models/mplug-owl2 --json counts.json
  emma-eval params /models/emma-7b --latency --device cuda

A folder with config.json alone is enough; of weights the sizes are checked. CLIP is counted by the config.json of the
folder that mm_vision_tower names. Formulas and sources: docs/analysis.md."""

REPEATS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="a built-in name, a folder, or a hub name that is on this machine")
    add("--text-tokens", type=positive, default=64, metavar="N", help="text tokens of the prompt (%(default)s)")
    add("--images", type=not_negative, default=1, metavar="N", help="images of the prompt (%(default)s)")
    add("--dtype", metavar="D", help="of weights and cache: float32, float16, bfloat16 (as config.json says)")
    add("--latency", action="store_true", help="time EMMA's alignment path beside plain LLaVA's, with random weights")
    add("--repeats", type=positive, metavar="N", help=f"of --latency: how often ({REPEATS})")
    add("--device", metavar="D", help="of --latency: cpu, cuda, cuda:1 (the GPU if there is one)")
    add("--json", type=Path, metavar="OUT", help="write everything, with exact numbers, to this file")


def run(args: argparse.Namespace) -> int:
    """Print the counts. Raises UserError for a model that cannot be counted."""
    from emma_eval.models.checkpoints.dtypes import check_dtype

    check_dtype(args.dtype)
    if not args.latency and (option := "--device" if args.device else "--repeats" if args.repeats else ""):
        raise UserError(f"{option} goes with --latency alone: give that too, or leave it out")
    require_place("--json", args.json)
    from emma_eval.interpretability.report import ParamsReport, ParamsSettings, published_adaptations, report_model
    from emma_eval.interpretability.tables import report_lines
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.records import to_json
    from emma_eval.utils.terminal import terminal_width

    dtype = None if args.dtype == "auto" else args.dtype
    repeats = (args.repeats or REPEATS) if args.latency else 0
    settings = ParamsSettings(args.text_tokens, args.images, dtype, repeats, args.device)
    reports = [report_model(model, settings) for model in args.models]
    published = tuple(published_adaptations())
    print(*report_lines(reports, published, terminal_width()), sep="\n")
    if args.json:
        write_atomic(args.json, to_json(ParamsReport(models=tuple(reports), published=published)))
        print(f"written: {args.json}")
    return 0
