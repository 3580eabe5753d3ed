"""`docs/run-folder.md` names every file and key of run folders, and none that never occurs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emma_eval.cli.main import main
from emma_eval.loggers.base import Target
from emma_eval.loggers.log_run import log_run
from emma_eval.loggers.samples import SampleSource
from emma_eval.models.base import ModelSpec
from emma_eval.reports.render import CSV_FIELDS
from emma_eval.results.manifest import TaskFacts
from emma_eval.results.sample_statistics import write_task_statistics
from emma_eval.results.scores import MetricRecord
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.types import Generation, Metric, Ratio, SampleScore, Scores, Served, ServerStats
from tests import judged_runs
from tests.fake_server import chat, fake_server
from tests.fakes import FakeEngine, FakeHandle, pope_settings, run_pope, task_scores, write_pope

DOCUMENT = (Path(__file__).parents[2] / "docs" / "run-folder.md").read_text(encoding="utf-8")
FOLDERS = ("responses", "samples", "statistics")  # of a file a task
JUDGED = "judged/TASK-JUDGE-HASH"
NAMED = {  # objects whose keys are names
    "tasks": "TASK",
    "tasks.TASK.data": "FILE",
    "settings.model_options": "OPTION",
    "sessions[].versions": "PACKAGE",
    "sessions[].engine": "SETTING",
    "tasks[].judge.options": "OPTION",
}


class OfAServer(FakeEngine):
    """Answers with all that a server may say, computed by another program with settings of its own."""

    def generate(self, requests, stats):
        stats.batches, stats.server = 1, ServerStats(models=("m",), system_fingerprints=("f",))
        yield from super().generate(requests, stats)

    def respond(self, request):
        return Generation("yes", finish_reason="stop", prompt="?", served=Served("m", "f", 1, 1))

    def facts(self):
        return {"version": "1"}


class FakeLogger:
    place = "here"

    def log(self, run):
        return "there"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runs of a shipped model, of one that fails, and of a server; scores of a metric without a bound."""
    root = tmp_path_factory.mktemp("runs")
    write_pope(root / "data")
    (root / "data" / "pope" / "val2014" / "b.jpg").unlink()
    run_pope(root / "data", root / "failing")
    server = FakeHandle(OfAServer())
    options = ModelSpec("fake", options={"option": "1"})
    run_evaluation(pope_settings(root / "data", model=options), root / "server", PlainProgress(), server)
    mini = pope_settings(None, "emma-mini", tasks=("mmbench_mini", "gqa_mini"), limit=20, allow_partial=False)
    run_evaluation(mini, root / "mini", PlainProgress())
    task = task_scores("captions", "test", MetricRecord(name="cider", value=1.0, n=1, unit="number"))
    metric = Metric("cider", 1.0, 1, "number", ratios=(Ratio((1.0,)),), value_is_bounded=False)
    facts = TaskFacts(config="c", protocol="official", data={}, reference_digest="t", samples=1)
    (root / "unbounded").mkdir()
    write_task_statistics(root / "unbounded", task, facts, Scores((metric,), (SampleScore("1", 1.0, ""),)))
    list(log_run(root / "failing", [Target("fake:x", FakeLogger())], SampleSource()))
    judged_runs.mmvet(root / "mmvet", 2)
    judged_runs.finish_run(root / "mmvet", "mmvet", ["one", "two"], root / "judged")
    with fake_server(lambda body, number: chat("1.0")) as judge:
        options = ["--base-url", judge.url, "--data", str(root / "mmvet"), "--model-option", "omit=temperature"]
        assert main(["judge", "mmvet", str(root / "judged"), "--judge", "openai:j", *options]) == 0
    return [root / name for name in ("failing", "server", "mini", "judged", "unbounded")]


def paths(content: Any, path: str = "") -> Iterator[str]:
    """The path of every value, empty lists and objects included: `tasks[].name`."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from paths(value, f"{path}.{NAMED.get(path, key)}".removeprefix("."))
    elif isinstance(content, list):
        for value in content:
            yield from paths(value, f"{path}[]")
    if path and not (isinstance(content, dict | list) and content):
        yield path


def leaves(found: set[str]) -> set[str]:
    """Those that are no part of another: a value that is null, a text or empty in one run may be more elsewhere."""
    return {path for path in found if not any(other.startswith((f"{path}.", f"{path}[")) for other in found)}


def documented(section: str) -> set[str]:
    """The keys in the first column of a section's table."""
    text = DOCUMENT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\|(.*?)\|", text, re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def contents(path: Path) -> list[Any]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "responses/TASK.jsonl",
        "scores.json",
        "samples/TASK.jsonl",
        "statistics/TASK.json",
        "logs.json",
        f"{JUDGED}/verdicts.jsonl",
    ],
)
def test_every_key_is_documented_and_every_documented_key_occurs(name, folders):
    pattern = "judged/*/verdicts.jsonl" if name.startswith(JUDGED) else name.replace("TASK", "*")
    files = [file for folder in folders for file in (*folder.glob(pattern), *folder.glob(f"judged/*/{pattern}"))]
    assert files
    found = leaves({path for file in files for content in contents(file) for path in paths(content)})
    assert found == documented(name)


def test_every_file_is_documented_and_every_documented_file_occurs(folders):
    table = DOCUMENT.split("| file |")[1].split("\n\n")[0]
    names = {name for cell in re.findall(r"^\|(.*?)\|", table, re.M) for name in re.findall(r"`([^`]+)`", cell)}
    found = set()
    for folder in folders[:-1]:
        for file in filter(Path.is_file, folder.rglob("*")):
            inner = file.relative_to(folder)
            if inner.parts[0] == "judged":
                inner = Path("...") / Path(*inner.parts[2:])
            found.add(str(inner.with_name(f"TASK{inner.suffix}") if inner.parent.name in FOLDERS else inner))
    assert found == {name.replace(JUDGED, "...") for name in names}


def test_the_columns_of_the_csv_are_documented(folders):
    assert set(re.findall(r"`(\w+)`", DOCUMENT.split("\n## leaderboard.csv\n")[1])) == set(CSV_FIELDS)


def test_what_it_says_of_the_lock_holds(folders):
    assert re.fullmatch(r"process \d+ on \S+", (folders[0] / "run.lock").read_text())


def test_schema_versions_are_those_on_the_page(folders):
    for name, version in (("manifest.json", 1), ("scores.json", 2), ("statistics/gqa_mini.json", 1)):
        assert json.loads((folders[2] / name).read_text())["schema_version"] == version
    for section, version in (("manifest.json", 1), ("scores.json", 2), ("statistics/TASK.json", 1)):
        assert f"| `schema_version` | {version} |" in DOCUMENT.split(f"\n## {section}\n")[1].split("\n## ")[0]


def test_a_key_that_nobody_documented_would_be_seen():
    assert leaves(set(paths({"model": {"name": "x", "more": None}, "tasks": {"pope": {"data": {}}}, "a": []}))) == {
        "model.name",
        "model.more",
        "tasks.TASK.data",
        "a",
    }
