"""README.md: short, with a picture for light and dark pages, and figures that are those of results/benchmarks."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from emma_eval.cli.arguments import Parser
from emma_eval.cli.main import split_command
from emma_eval.cli.run import add_arguments

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")


def measured(name: str) -> Any:
    return json.loads((ROOT / "results" / "benchmarks" / f"{name}.json").read_text("utf-8"))


def rate(scenarios: list[dict[str, Any]], model: str, way: str) -> float:
    """Samples a second of the first scenario with this model and this way of asking."""
    return next(
        one["samples_per_second"]
        for scenario in scenarios
        if scenario["model"].startswith(model)
        for one in scenario["measured"]
        if one["way"] == way
    )


def small(command: str, program: str) -> dict[str, Any]:
    """What a small command took."""
    return next(
        one
        for one in measured("start-peers")["measured"]
        if one["command"] == command and one["program"].startswith(program)
    )


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def test_speed_is_what_was_measured() -> None:
    peers, own = measured("throughput-peers-cpu")["scenarios"], measured("throughput-cpu")["scenarios"]
    gpu = measured("on-a-gpu-h200")["throughput"]["result"]["scenarios"]
    batches = rate(peers, "llava-mini", "transformers generate, batches of 32")
    for line in (
        row(
            "llava-mini, two CPU cores",
            f"{rate(peers, 'llava-mini', 'engine'):.0f} samples/s",
            f"{batches:.0f} in batches of 32, as lmms-eval's models ask",
        ),
        row(
            "emma-mini, two CPU cores",
            f"{rate(own, 'emma-mini', 'engine'):.0f} samples/s",
            f"{rate(own, 'emma-mini', 'transformers generate'):.0f} one at a time, as VLMEvalKit asks",
        ),
        row(
            "a model of EMMA-7B's size, one H200",
            f"{rate(gpu, 'EMMA-7B', 'engine'):.1f} samples/s",
            f"{rate(gpu, 'EMMA-7B', 'transformers generate'):.1f} one at a time",
        ),
    ):
        assert line in TEXT, line


def test_other_figures_are_what_was_measured() -> None:
    tasks = [task for task in measured("batch-invariance-emma-mini")["tasks"] if task["dtype"] == "float32"]
    different, asked = (sum(task[key] for task in tasks) for key in ("different", "requests"))
    assert row("answers that the batch size changes, float32", f"{different} of {asked:,}", "not measured") in TEXT
    ours, theirs = small("help", "emma-eval"), small("help", "lmms-eval")
    assert row("`--help`", f"{ours['seconds']:.1f} s of a processor", f"{theirs['seconds']:.1f} s (lmms-eval)") in TEXT
    ours, theirs = (
        f"exit code {one['exit_code']} after {one['seconds']:.1f} s"
        for one in (small("misspelt task", "emma-eval"), small("misspelt task", "lmms-eval"))
    )
    assert row("a misspelt task", ours, f"{theirs} (lmms-eval)") in TEXT


def test_it_is_short_and_has_two_commands() -> None:
    assert len(TEXT.splitlines()) <= 50
    (block,) = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.S | re.M)
    lines = [line.split(" && ")[-1].removeprefix("python run_eval.py ") for line in block.splitlines()]
    assert len(lines) == 2
    for line in lines:
        name, argv = split_command(shlex.split(line, comments=True))
        parser = Parser(name, "")
        add_arguments(parser)
        assert name == "run"
        parser.parse(argv)


def test_the_picture_is_there_for_light_and_dark_pages() -> None:
    dark, light = re.findall(r'(?:srcset|src)="([^"]+)"', TEXT)
    assert (ROOT / dark).is_file()
    assert (ROOT / light).is_file()
