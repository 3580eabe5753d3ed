"""A baseline holds all that the gate needs, to the last digit, in few bytes; those of earlier versions are read."""

from __future__ import annotations

import gzip
import json
import lzma
import random
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.analysis.regression_gate import Tolerances, judge
from emma_eval.errors import UserError
from emma_eval.results.baseline import overall, read_run_or_baseline, write_baseline
from emma_eval.results.sample_statistics import TaskStatistics, write_task_statistics
from emma_eval.results.scores import MetricRecord
from emma_eval.scorers import get_scorer
from emma_eval.types import Answer, Scores
from tests.fakes import TaskFacts, sample, scores_file, task_scores
from tests.scorer_samples import NEEDS, WAYS, answers_to, questions

OTHERS = {"judged", "captions"}  # has no scores here; starts Java twice, and takes half a minute
EARLIER = Path(__file__).parent / "earlier_baseline.json.gz"  # written by commit f684e28: plain JSON, every breakdown
COMPACT = Path(__file__).parent / "compact_baseline.json.xz"  # the same run, by commit 2744887
SHIPPED = Path(__file__).parents[2] / "results" / "baselines" / "emma-mini.json.xz"


def write_scored_run(folder: Path, name: str, scores: Scores) -> Path:
    """A run folder with what baselines are made of."""
    records = tuple(MetricRecord(**MetricRecord.values_of(metric)) for metric in scores.metrics)
    task = task_scores(name, "test", *records)
    facts = TaskFacts(
        config="c",
        protocol="official",
        data={},
        reference_digest=task.setup.reference_digest,
        samples=len(scores.samples),
    )
    folder.mkdir()
    (folder / "scores.json").write_text(scores_file(task).model_dump_json())
    write_task_statistics(folder, task, facts, scores)
    return folder


def scored(scorer: str, options, seed: int) -> Scores:
    if scorer in NEEDS:
        pytest.importorskip(NEEDS[scorer])
    samples = questions(scorer)
    return get_scorer(scorer, **dict(options))(samples, answers_to(samples, seed))


@pytest.mark.parametrize(("scorer", "options"), [way for way in WAYS if way[0] not in OTHERS])
def test_the_gate_says_the_same_as_with_the_run_itself(scorer, options, tmp_path):
    """Differences, intervals, p values, verdicts, changed answers and lost samples, of every scorer."""
    before = write_scored_run(tmp_path / "before", "quiz", scored(scorer, options, seed=1))
    now = read_run_or_baseline(write_scored_run(tmp_path / "now", "quiz", scored(scorer, options, seed=2)))[1]
    small = read_run_or_baseline(write_baseline(before, tmp_path / "b.json.xz"))[1]
    strict = Tolerances(alpha=1, smallest_effect=0, changed=0)
    assert judge(now, small, strict) == judge(now, read_run_or_baseline(before)[1], strict)
    assert judge(now, small, Tolerances()).verdicts


def test_it_has_the_samples_and_every_overall_metric_but_no_breakdown(tmp_path):
    run = write_scored_run(tmp_path / "run", "quiz", scored("gqa", (), seed=1))
    (whole,), (small,) = (read_run_or_baseline(path)[1] for path in (run, write_baseline(run, tmp_path / "b.json.xz")))
    assert small.scores.samples == whole.scores.samples
    assert small.scores.metrics == tuple(metric for metric in whole.scores.metrics if not metric.group)
    assert len(small.scores.metrics) < len(whole.scores.metrics)
    assert len(small.record.metrics) < len(whole.record.metrics)


def test_the_baseline_of_an_earlier_version_gives_the_same_verdicts_as_a_compact_one():
    earlier, shipped = read_run_or_baseline(EARLIER)[1], read_run_or_baseline(COMPACT)[1]
    now = [with_wrong_answers(task) for task in earlier]
    strict = Tolerances(alpha=1, smallest_effect=0, changed=0)
    result = judge(now, earlier, strict)
    assert result.failed
    assert judge(now, shipped, strict) == result
    assert judge(now, shipped, Tolerances()) == judge(now, earlier, Tolerances())
    assert [overall(task.record) for task in earlier] == [task.record for task in shipped]


def with_wrong_answers(task: TaskStatistics) -> TaskStatistics:
    """The first numbers of every ratio are 0, and every fifth sample is wrong."""
    ratios = {
        ratio: replace(ratio, numerator=[0, 0, 0, *ratio.numerator[3:]])
        for m in task.scores.metrics
        for ratio in m.ratios
    }
    metrics = tuple(replace(m, ratios=tuple(ratios[ratio] for ratio in m.ratios)) for m in task.scores.metrics)
    samples = tuple(
        one if index % 5 else replace(one, score=0.0, parsed_answer="?")
        for index, one in enumerate(task.scores.samples)
    )
    return replace(task, scores=replace(task.scores, metrics=metrics, samples=samples))


def test_it_takes_less_than_ten_bytes_a_sample(tmp_path):
    """VQA, whose samples differ most: ids and answers of a size as in VQAv2, several questions an image."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnoprstuw", k=rng.randint(3, 9))) for _ in range(3000)]
    samples, answers = [], {}
    for image in rng.sample(range(42, 581_929), 800):
        for number in range(5):
            truth = rng.choice(["yes", "no", "1", "2", *rng.choices(words, k=4)])
            one = sample(str(image * 1000 + number), *[truth] * 1, image=f"COCO_val2014_{image:012d}.jpg")
            samples.append(replace(one, references=(truth,) * rng.choice([10, 3, 1]) or (truth,)))
            answers[one.id, 0] = Answer(rng.choice([truth, truth, rng.choice(words)]))
    samples = [replace(one, meta={**one.meta, "answer_type": "other", "question_type": "what"}) for one in samples]
    run = write_scored_run(tmp_path / "run", "quiz", get_scorer("vqa")(samples, answers))
    path = write_baseline(run, tmp_path / "b.json.xz")
    assert path.stat().st_size / len(samples) < 10
    assert SHIPPED.stat().st_size / 1610 < 4


def test_the_name_says_whether_it_is_compressed(tmp_path):
    run = write_scored_run(tmp_path / "run", "quiz", scored("pope", (), seed=1))
    paths = [write_baseline(run, tmp_path / f"b{suffix}") for suffix in (".json", ".json.gz", ".json.xz")]
    plain, gz, xz = (path.read_bytes() for path in paths)
    assert json.loads(plain)["schema_version"] == 2
    assert gzip.decompress(gz) == lzma.decompress(xz) == plain
    assert write_baseline(run, paths[2]).read_bytes() == xz
    assert read_run_or_baseline(paths[0])[1] == read_run_or_baseline(paths[2])[1]


def test_one_of_an_earlier_version_is_not_left_beside_a_new_one_in_silence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_scored_run(tmp_path / "run", "quiz", scored("pope", (), seed=1))
    assert write_baseline(run) == Path("results/baselines/my-emma.json.xz")
    Path("results/baselines/my-emma.json.xz").rename("results/baselines/my-emma.json")
    with pytest.raises(
        UserError, match=r"my-emma\.json is there already, of an earlier version; --output .*\.json\.xz"
    ):
        write_baseline(run)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: data[:-20], "the compressed file ends too early"),
        (lambda data: b"{}", "not a whole xz file"),
        (lambda data: lzma.compress(b"{"), "cannot be read"),
        (lambda data: changed(data, schema_version=3), "has schema 3, this program reads 2"),
        (lambda data: changed(data, tasks=[{"task": "x"}]), "its choices of samples are missing or damaged"),
        (lambda data: changed(data, tasks=3), "its choices of samples are missing or damaged"),
    ],
)
def test_damage_is_told_in_one_line(damage, complaint, tmp_path):
    run = write_scored_run(tmp_path / "run", "quiz", scored("pope", (), seed=1))
    path = write_baseline(run, tmp_path / "b.json.xz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=complaint) as error:
        read_run_or_baseline(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def changed(data: bytes, **keys) -> bytes:
    return lzma.compress(json.dumps(json.loads(lzma.decompress(data)) | keys).encode())


def test_an_index_that_no_sample_has_is_told(tmp_path):
    path = write_baseline(write_scored_run(tmp_path / "run", "quiz", scored("pope", (), seed=1)), tmp_path / "b.json")
    content = json.loads(path.read_text())
    content["tasks"][0]["sample_indices"][0][-1] += 1000
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="the parts of task quiz do not fit together"):
        read_run_or_baseline(path)
