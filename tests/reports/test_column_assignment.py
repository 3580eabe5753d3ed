"""What stands in a column: a published one takes the benchmark's own numbers alone, and nothing is shown over another.

Every way in which two runs can differ in what they asked gives two columns.
"""

import csv as csv_module
import io
import itertools
from pathlib import Path

import pytest

from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.render import csv
from emma_eval.reports.tables import Table
from emma_eval.reports.view import View
from emma_eval.results.scores import Counts, ScoredRun, TaskScores
from tests.fakes import evaluation_setup, metric, mini_scores, scored_run, task_scores

GQA = ("GQA", "testdev-balanced", "accuracy")


def leaderboard(runs, published, *, measured_only: bool = False) -> list[Table]:
    return Leaderboard(runs, published).tables(View(strict=True, measured_only=measured_only))


@pytest.fixture(scope="module")
def published():
    return load_published()


def counts(samples: int) -> Counts:
    return Counts(samples=samples, answered=samples, failed=0, missing=0)


def gqa(value: float = 60.0, name: str = "gqa", **changes: object) -> TaskScores:
    """GQA, or a task that extends it."""
    made = {"title": "GQA (test-dev balanced)", "benchmark": "gqa", **changes}
    return task_scores(name, "testdev-balanced", metric("accuracy", value), **made)


def measured(tables: list[Table]) -> dict[tuple[str, ...], dict[str, str]]:
    """Head -> row label -> the measured value; only columns that have one."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for one in tables:
        for row in one.rows:
            for heading, cell in zip(one.headings, row.cells, strict=True):
                if cell.text and row.label.endswith("(measured)"):
                    found.setdefault(heading.lines, {})[row.label] = cell.text
    return found


def apart(run: ScoredRun, published) -> tuple[tuple[str, ...], str]:
    """The head of the one column that the run's value stands in, and its footnote."""
    (general,) = leaderboard([run], published, measured_only=True)
    (heading,) = general.headings
    (row,) = general.rows
    return heading.lines, dict(general.footnotes)[row.cells[0].footnotes[0]]


class TestAPublishedColumn:
    def test_takes_the_shipped_task_whole_and_says_what_is_unproven(self, published):
        head, note = apart_published(scored_run(gqa()), published)
        assert head == GQA
        assert note == (
            "measured: task gqa, protocol official, 12,578 questions; "
            "that the questions are the benchmark's own is known by their number alone"
        )

    @pytest.mark.parametrize(
        ("changed", "head", "reason"),
        [
            (
                gqa(complete=False, counts=counts(30)),
                ("GQA (test-dev balanced)", "testdev-balanced, 30 questions only", "accuracy"),
                "only 30 of the questions were asked",
            ),
            (
                gqa(name="gqa_long"),
                ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, task gqa_long"),
                "the task gqa_long is not a shipped one",
            ),
            (
                gqa(name="gqa_long", complete=False, counts=counts(30)),
                ("GQA (test-dev balanced)", "testdev-balanced, 30 questions only", "accuracy, task gqa_long"),
                "only 30 of the questions were asked; the task gqa_long is not a shipped one",
            ),
            (
                gqa(setup=evaluation_setup("gqa", config="ab" * 32)),
                ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, task file abababab"),
                "the task file gqa was another one when this was asked",
            ),
            (
                gqa(setup=evaluation_setup("gqa", wording="llava")),
                ("GQA (test-dev balanced)", "testdev-balanced", "accuracy"),
                "it was asked in the wording of llava's scripts, not in the model's own",
            ),
            (
                gqa(counts=counts(36)),
                ("GQA (test-dev balanced)", "testdev-balanced", "accuracy"),
                "36 samples were asked, the benchmark has 12,578",
            ),
            (
                gqa(protocol="llava"),
                ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, protocol llava"),
                "scored by the protocol llava",
            ),
            (
                gqa(name="gqa_long", title="GQA"),
                ("GQA", "testdev-balanced", "accuracy, task gqa_long"),
                "the task gqa_long is not a shipped one",
            ),
        ],
    )
    def test_takes_nothing_else(self, published, changed, head, reason):
        found, note = apart(scored_run(changed), published)
        assert found == head
        assert f"set apart: {reason}" in note
        assert "not comparable with" in note

    def test_is_not_mimicked_by_a_title(self, published):
        changed = gqa(title="GQA", counts=counts(36))
        assert apart(scored_run(changed), published)[0] == ("GQA", "testdev-balanced", "accuracy, task gqa")

    def test_takes_the_release_alone_that_its_values_are_of(self, published):
        parts = [metric("accuracy", 66.0, group="data_type", category=c) for c in ("image", "video")]
        seed = task_scores(
            "seed", "all", metric("accuracy", 60.0), *parts, title="SEED-Bench (all)", counts=counts(17990)
        )
        (table,) = leaderboard([scored_run(seed)], published, measured_only=True)
        assert list(measured([table])) == [
            ("SEED-Bench", "image", "accuracy"),
            ("SEED-Bench (all)", "all, 17,990 questions", "accuracy"),
        ]
        assert "of 100 questions, published values are of 19,242" in table.footnotes[-1][1]

    def test_holds_no_two_runs_that_were_asked_otherwise(self, published):
        """Nobody can say which of the two is the benchmark's own: neither stands there."""
        runs = [
            scored_run(gqa(60.0), name="x"),
            scored_run(gqa(61.0, setup=evaluation_setup("gqa", reference_digest="ab" * 32)), name="y"),
        ]
        found = measured(leaderboard(runs, published))
        assert found == {
            ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, samples 77777777"): {"x (measured)": "60.0"},
            ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, samples abababab"): {"y (measured)": "61.0"},
        }

    def test_holds_models_of_several_conversation_templates(self, published):
        """They are sent different prompts by design."""
        other = evaluation_setup("gqa", template="owl", prompts="ab" * 32)
        runs = [scored_run(gqa(60.0), name="x"), scored_run(gqa(61.0, setup=other), name="y")]
        assert measured(leaderboard(runs, published)) == {GQA: {"x (measured)": "60.0", "y (measured)": "61.0"}}

    def test_holds_model_families_each_asked_in_its_own_wording(self, published):
        other = gqa(61.0, wording="llava", setup=evaluation_setup("gqa", prompts="ab" * 32))
        runs = [scored_run(gqa(60.0, wording="emma"), name="x"), scored_run(other, name="y")]
        assert measured(leaderboard(runs, published)) == {GQA: {"x (measured)": "60.0", "y (measured)": "61.0"}}

    def test_names_the_wording_of_its_values(self, published):
        families = {"emma": "wording emma and llava", "mplug_owl2": "wording mplug_owl2"}
        for wording, named in families.items():
            _, note = apart_published(scored_run(gqa(wording=wording)), published)
            assert note.startswith(f"measured: task gqa, protocol official, {named}, 12,578 questions; ")
        _, note = apart_published(scored_run(gqa(wording="mplug_owl2", wording_is_published=False)), published)
        assert "wording mplug_owl2 (chosen here, its authors published none), 12,578 questions; " in note

    def test_holds_no_two_prompts_in_the_tasks_own_wording(self, published):
        """A record from before the task had several wordings was asked in its own."""
        other = gqa(61.0, setup=evaluation_setup("gqa", prompts="ab" * 32))
        runs = [scored_run(gqa(60.0, wording="emma"), name="x"), scored_run(other, name="y")]
        assert sorted(measured(leaderboard(runs, published))) == [
            ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, prompts 99999999"),
            ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, prompts abababab"),
        ]

    def test_holds_no_two_prompts_for_one_template(self, published):
        other = evaluation_setup("gqa", prompts="ab" * 32)
        runs = [scored_run(gqa(60.0), name="x"), scored_run(gqa(61.0, setup=other), name="y")]
        assert sorted(measured(leaderboard(runs, published))) == [
            ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, prompts 99999999"),
            ("GQA (test-dev balanced)", "testdev-balanced", "accuracy, prompts abababab"),
        ]


def apart_published(run: ScoredRun, published) -> tuple[tuple[str, ...], str]:
    (general,) = [one for one in leaderboard([run], published) if one.key == "general"]
    ((head, _),) = measured([general]).items()
    at = [heading.lines for heading in general.headings].index(head)
    (cell,) = (row.cells[at] for row in general.rows if "measured" in row.label)
    return head, dict(general.footnotes)[cell.footnotes[0]]


VARIANTS = [
    gqa(50.0),
    gqa(51.0, complete=False, counts=counts(30)),
    gqa(52.0, complete=False, counts=counts(30), setup=evaluation_setup("gqa", reference_digest="ab" * 32)),
    gqa(53.0, complete=False, counts=counts(31), setup=evaluation_setup("gqa", reference_digest="cd" * 32)),
    gqa(54.0, name="gqa_long"),
    gqa(55.0, name="gqa_short"),
    gqa(56.0, name="gqa_short", setup=evaluation_setup("", config="ab" * 32)),
    gqa(57.0, name="gqa_short", setup=evaluation_setup("", prompts="ab" * 32)),
    gqa(58.0, name="gqa_short", setup=evaluation_setup("", reference_digest="ab" * 32)),
    gqa(59.0, protocol="llava"),
    gqa(60.0, setup=evaluation_setup("gqa", config="ef" * 32)),
    gqa(61.0, title="VQAv2", name="vqa_mine"),
]


class TestNothingOverwritesAnything:
    @pytest.mark.parametrize(("first", "second"), [*itertools.combinations(range(len(VARIANTS)), 2)])
    def test_what_was_asked_otherwise_is_two_columns(self, published, first, second):
        runs = [scored_run(VARIANTS[first], name="x"), scored_run(VARIANTS[second], name="y")]
        assert_all_shown_once(runs, published)

    def test_all_of_them_together_too(self, published):
        assert_all_shown_once([scored_run(one, name=f"m{i}") for i, one in enumerate(VARIANTS)], published)

    def test_two_tasks_that_extend_one_are_two_columns_of_one_run(self, published):
        run = scored_run(gqa(54.0, name="gqa_long"), gqa(55.0, name="gqa_short"))
        assert measured(leaderboard([run], published)) == {
            ("GQA (test-dev balanced)", "testdev-balanced", f"accuracy, task {name}"): {"my-emma (measured)": value}
            for name, value in (("gqa_long", "54.0"), ("gqa_short", "55.0"))
        }

    def test_the_mini_suite_tells_samples_and_tasks_apart(self, published):
        other = evaluation_setup("pope_mini", reference_digest="ab" * 32)
        small = {"complete": False, "counts": counts(30), "title": "POPE-mini"}
        runs = [
            scored_run(mini_scores("pope_mini", 80.0, **small), name="x"),
            scored_run(mini_scores("pope_mini", 70.0, setup=other, **small), name="y"),
            scored_run(mini_scores("my_pope", 60.0, **small), name="z"),
        ]
        tables = {one.key: one for one in leaderboard(runs, published)}
        assert [(heading.lines, [row.cells[i].text for row in tables["mini"].rows]) for i, heading in
                enumerate(tables["mini"].headings)] == [
            (("POPE-mini", "accuracy", "30 questions only", "samples 77777777"), ["80.0", "", ""]),
            (("POPE-mini", "accuracy", "30 questions only", "samples abababab"), ["", "70.0", ""]),
            (("POPE-mini", "accuracy", "task my_pope", "30 questions only"), ["", "", "60.0"]),
        ]  # fmt: skip
        labels = [row.label for row in tables["mini-baseline"].rows]
        assert len(set(labels)) == len(labels) == 4
        assert [cell.text for cell in tables["mini-baseline"].rows[-1].cells[3::2]] == ["", "", ""]  # no mean of all


def assert_all_shown_once(runs: list[ScoredRun], published) -> None:
    """Each value stands in a column of its own, in the tables as in the CSV, and none is best of anything."""
    tables = leaderboard(runs, published)
    values = [run.scores.tasks[0].metrics[0].value for run in runs]
    shown = [float(text) for column in measured(tables).values() for text in column.values()]
    assert sorted(shown) == sorted(values)
    assert all(len(column) == 1 for column in measured(tables).values())
    rows = [row for row in csv_module.DictReader(io.StringIO(csv(tables))) if row["kind"] == "measured"]
    columns = [(row["table"], row["benchmark"], row["split"], row["metric"]) for row in rows]
    assert len(set(columns)) == len(runs)


def test_a_metric_that_is_better_when_lower_is_ranked_so_in_its_own_column(published):
    lower = metric("chair", 7.0).model_copy(update={"higher_is_better": False})
    runs = [
        scored_run(task_scores("mine", "test", lower.model_copy(update={"value": value})), name=name)
        for name, value in (("x", 7.0), ("y", 8.0), ("z", 9.0))
    ]
    (other,) = leaderboard(runs, published, measured_only=True)
    assert [row.cells[0].rank for row in other.rows] == [1, 2, 0]


def test_images_resized_otherwise_are_told_and_make_a_row_of_their_own(published):
    run = scored_run(gqa())
    model = run.scores.model.model_copy(update={"fast_preprocess": True})
    fast = ScoredRun(Path("fast"), run.scores.model_copy(update={"model": model}))
    (general,) = leaderboard([run, fast], published, measured_only=True)
    marks = {row.label: row.cells[0].footnotes for row in general.rows if "measured" in row.label}
    assert list(marks) == ["my-emma, run (measured)", "my-emma, fast (measured)"]
    assert "resized by --fast-preprocess" in dict(general.footnotes)[marks["my-emma, fast (measured)"][0]]
