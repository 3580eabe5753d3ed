"""The paper's table: published rows as EMMA's README has them, measured ones, and differences with their doubts."""

from __future__ import annotations

import csv as csv_module
import io
import itertools

import pytest

from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import Published
from emma_eval.reports.render import csv
from emma_eval.reports.tables import footnotes_of
from emma_eval.results.scores import Counts
from emma_eval.utils.files import package_data
from tests.fakes import evaluation_setup, metric, scored_run, task_scores
from tests.reports.leaderboard_tables import PUBLISHED, cell, compared, gqa, labels, notes


class TestPublishedRows:
    def test_are_those_of_the_figures_in_emmas_readme(self):
        """As read off assets/result.png, result2.png and hallu.png of the repository at 899b6ae."""
        figures = {
            ("VQAv2",): {"LLaVA-1.5-7B": "78.5", "mPLUG-Owl2": "79.4", "BRAVE": "82.5", "EMMA-7B": "89.42"},
            ("VizWiz",): {"LLaVA-1.5-7B": "50.0", "mPLUG-Owl2": "54.5", "BRAVE": "54.2", "EMMA-7B": "56.03"},
            ("ScienceQA", "IMG"): {"LLaVA-1.5-7B": "66.8", "mPLUG-Owl2": "68.7", "EMMA-7B": "73.14"},
            ("GQA",): {"LLaVA-1.5-7B": "62.0", "mPLUG-Owl2": "56.1", "BRAVE": "52.7", "EMMA-7B": "56.01"},
            ("OK-VQA",): {"mPLUG-Owl2": "57.7", "BRAVE": "66.0", "EMMA-7B": "68.57"},
            ("MMBench", "EN"): {"LLaVA-1.5-7B": "64.3", "mPLUG-Owl2": "64.5", "EMMA-7B": "66.44"},
            ("MMBench", "CN"): {"LLaVA-1.5-7B": "58.3", "EMMA-7B": "60.15"},
            ("MMMU",): {"LLaVA-1.5-7B": "35.11", "mPLUG-Owl2": "32.7", "EMMA-7B": "35.44"},
            ("MathVista",): {"LLaVA-1.5-7B": "21.1", "mPLUG-Owl2": "22.2", "EMMA-7B": "25.1"},
            ("MuirBench",): {"LLaVA-1.5-7B": "23.46", "EMMA-7B": "32.0"},
            ("AMBER", "attribute"): {"LLaVA-1.5-7B": "20.23", "EMMA-7B": "26.15"},
            ("AMBER", "relation"): {"LLaVA-1.5-7B": "37.1", "EMMA-7B": "37.34"},
            ("AMBER", "existence"): {"LLaVA-1.5-7B": "91.43", "EMMA-7B": "94.5"},
            ("FOIL",): {"LLaVA-1.5-7B": "50.08", "EMMA-7B": "66.13"},
        }
        tables = Leaderboard([], PUBLISHED).tables()
        assert [table.key for table in tables] == ["general", "mllm", "hallucination"]
        for head, rows in figures.items():
            assert {row: cell(tables, row, *head).text for row in rows} == rows

    def test_stand_in_the_papers_order_and_have_one_column_a_benchmark(self):
        for table in Leaderboard([], PUBLISHED).tables():
            assert labels(table) == [row.name for row in PUBLISHED.paper.rows if row.name in labels(table)]
            heads = [heading.lines for heading in table.headings]
            assert len(set(heads)) == len(heads)

    def test_share_one_numbering_of_notes_in_all_tables(self):
        tables = Leaderboard([], PUBLISHED).tables()
        listed = footnotes_of(tables)
        assert [int(mark) for mark, _ in listed] == [*range(1, len(listed) + 1)]
        assert len({text for _, text in listed}) == len(listed)
        assert "Treat as unverified" in notes(tables, cell(tables, "EMMA-7B", "VQAv2"))
        assert "elsewhere 66.3 in arXiv 2404.07204" in notes(tables, cell(tables, "BRAVE", "GQA"))

    def test_say_where_the_source_states_no_size(self):
        tables = Leaderboard([], PUBLISHED).tables()
        assert "size not stated by the source" in notes(tables, cell(tables, "LLaVA-1.5-7B", "FOIL"))

    def test_every_column_takes_values_of_declared_columns_alone(self):
        for column in PUBLISHED.paper.columns:
            assert len(PUBLISHED.taken_by(column)) == len(column.takes), column.title

    def test_every_measured_metric_is_one_of_a_shipped_task(self):
        from emma_eval.tasks.index import task_names
        from emma_eval.tasks.loading import load_task

        known = {(task.benchmark, task.split) for task in map(load_task, task_names())}
        for column in PUBLISHED.paper.columns:
            for one in column.measured:
                assert (one.benchmark, one.split) in known, column.title


class TestDifferences:
    def test_are_measured_minus_published_of_the_same_model(self):
        """LLaVA's repository states GQA's split, so 61.9 minus 62.0 is of like with like: no mark."""
        tables = compared(scored_run(gqa(61.94)), "llava-1.5-7b")
        shown = cell(tables, "minus LLaVA-1.5-7B", "GQA")
        assert (shown.text, shown.differs, shown.footnotes) == ("-0.1", False, ())
        (general,) = (table for table in tables if table.key == "general")
        assert labels(general)[-2:] == ["my-emma (measured)", "minus LLaVA-1.5-7B"]

    def test_are_marked_where_the_source_states_no_split(self):
        tables = compared(scored_run(gqa(62.34)), "emma-7b")
        shown = cell(tables, "minus EMMA-7B", "GQA")
        assert (shown.text, shown.differs) == ("+6.3", True)
        assert notes(tables, shown) == (
            "EMMA-7B's 56.01: the source states no split (script uses testdev_balanced), measured on testdev-balanced"
        )

    def test_are_marked_where_the_split_differs_and_name_a_value_of_the_same_split(self):
        run = scored_run(task_scores("vqav2", "val", metric("accuracy", 76.84)))
        tables = compared(run, "llava-1.5-7b")
        shown = cell(tables, "minus LLaVA-1.5-7B", "VQAv2")
        assert shown.text == "-1.7"
        assert notes(tables, shown) == (
            "LLaVA-1.5-7B's 78.5: published on test-dev (per repo docs/scripts), measured on val; "
            "on val, arXiv 2407.12772 (LMMs-Eval), text copy in file index has 76.64, "
            "from which the measured value differs by +0.2"
        )

    def test_are_marked_where_the_size_is_not_stated(self):
        run = scored_run(task_scores("amber_discriminative", "discriminative", metric("f1", 75.0), benchmark="amber"))
        tables = compared(run, "llava-1.5-7b")
        shown = cell(tables, "minus LLaVA-1.5-7B", "AMBER", "F1")
        assert (shown.text, shown.differs) == ("+0.3", True)
        assert notes(tables, shown) == "LLaVA-1.5-7B's 74.7: the source does not state the model's size"

    def test_are_marked_where_the_metric_is_called_otherwise(self):
        tables = compared(scored_run(task_scores("pope", "coco", metric("f1", 0.88, "fraction"))), "brave")
        shown = cell(tables, "minus BRAVE", "POPE", "F1")
        assert shown.text == "+0.4"
        assert "the source calls the metric caption says top-1 accuracy, measured is F1" in notes(tables, shown)

    def test_are_marked_where_the_protocol_is_another(self):
        setup = evaluation_setup("mathvista", "rules")
        run = scored_run(task_scores("mathvista", "testmini", metric("accuracy", 24.4), protocol="rules", setup=setup))
        tables = compared(run, "emma-7b")
        shown = cell(tables, "minus EMMA-7B", "MathVista")
        assert (shown.text, shown.differs) == ("-0.7", True)
        assert "measured by the protocol rules" in notes(tables, shown)

    def test_are_marked_where_the_release_is_another(self):
        small = Counts(samples=17990, answered=17990, failed=0, missing=0)
        run = scored_run(task_scores("seed", "all", metric("accuracy", 60.0), counts=small))
        tables = compared(run, "llava-1.5-7b")
        shown = cell(tables, "minus LLaVA-1.5-7B", "SEED", "all")
        assert shown.text == "+1.4"
        assert "published values are of 19,242" in notes(tables, shown)

    def test_are_in_the_csv_with_their_doubts(self):
        lines = list(csv_module.DictReader(io.StringIO(csv(compared(scored_run(gqa(62.34)), "emma-7b")))))
        (line,) = (line for line in lines if line["kind"] == "difference")
        assert line["model"] == "my-emma (measured) minus EMMA-7B"
        assert float(line["value"]) == pytest.approx(6.33)
        assert "the source states no split" in line["remarks"]

    def test_no_model_has_one_that_is_not_said_to_be_published(self):
        tables = Leaderboard([scored_run(gqa())], PUBLISHED).tables()
        assert not [row for table in tables for row in table.rows if row.kind == "difference"]


GQA_VARIANTS = {
    "limited": gqa(complete=False, counts=Counts(samples=36, answered=36, failed=0, missing=0)),
    "36 samples": gqa(counts=Counts(samples=36, answered=36, failed=0, missing=0)),
    "another suffix": task_scores("gqa_long", "testdev-balanced", metric("accuracy", 62.34), benchmark="gqa"),
    "an earlier task file": gqa(setup=evaluation_setup("gqa", config="ab" * 32)),
    "another model's wording": gqa(setup=evaluation_setup("gqa", wording="llava")),
    "through a server": gqa(setup=evaluation_setup("gqa", template="server")),
}


class TestWhatIsNotTheBenchmark:
    @pytest.mark.parametrize("variant", GQA_VARIANTS)
    def test_never_stands_beside_published_values(self, variant):
        tables = Leaderboard([scored_run(GQA_VARIANTS[variant])], PUBLISHED, {"my-emma": "emma-7b"}).tables()
        measured = [(t.key, row.label) for t in tables for row in t.rows if row.kind in ("measured", "difference")]
        assert measured == [("other", "my-emma (measured)")]
        (other,) = (table for table in tables if table.key == "other")
        assert labels(other) == ["my-emma (measured)"]
        assert "not comparable with published values" in " ".join(other.notes)

    @pytest.mark.parametrize(("first", "second"), [*itertools.combinations(GQA_VARIANTS, 2)])
    def test_two_of_them_are_two_columns(self, first, second):
        runs = [scored_run(GQA_VARIANTS[variant], name=variant) for variant in (first, second)]
        (other,) = Leaderboard(runs, PUBLISHED).tables(measured_only=True)
        assert [sum(bool(row.cells[i].text) for row in other.rows) for i in range(len(other.headings))] == [1, 1]

    def test_two_tasks_that_extend_pope_have_their_own_columns_in_one_run(self):
        run = scored_run(
            *(
                task_scores(name, "coco", metric("f1", value, "fraction"), benchmark="pope", title="POPE")
                for name, value in (("pope_short", 0.8), ("pope_long", 0.82))
            ),
            task_scores("pope", "coco", metric("f1", 0.86, "fraction")),
        )
        tables = Leaderboard([run], PUBLISHED).tables(measured_only=True)
        hallucination, other = tables
        assert cell([hallucination], "my-emma (measured)", "POPE", "F1").text == "86.0"
        assert [heading.lines[2] for heading in other.headings] == ["f1, task pope_short", "f1, task pope_long"]
        assert [one.text for one in other.rows[0].cells] == ["80.0", "82.0"]

    def test_two_tasks_of_one_benchmark_in_one_run_are_both_shown(self):
        """The official task stands in the column; EMMA's own count, of the same benchmark, beside it."""
        setup = evaluation_setup("mmmu_pasted", "emma")
        run = scored_run(
            task_scores("mmmu_pasted", "val, pictures pasted", metric("accuracy", 33.0), benchmark="mmmu",
                        protocol="emma", setup=setup),
            task_scores("mmmu", "val", metric("accuracy", 35.0)),
        )  # fmt: skip
        mllm, other = Leaderboard([run], PUBLISHED).tables(measured_only=True)
        assert cell([mllm], "my-emma (measured)", "MMMU").text == "35.0"
        assert [cell_.text for cell_ in other.rows[0].cells] == ["33.0"]
        assert "the run's task mmmu stands in the benchmark's column" in notes([other], other.rows[0].cells[0])

    def test_runs_that_were_asked_other_samples_stand_apart_both(self):
        other = evaluation_setup("gqa", reference_digest="ab" * 32)
        runs = [scored_run(gqa(60.0), name="x"), scored_run(gqa(61.0, setup=other), name="y")]
        assert [table.key for table in Leaderboard(runs, PUBLISHED).tables(measured_only=True)] == ["other"]


class TestRanks:
    def test_published_and_measured_values_are_ranked_apart(self):
        runs = [scored_run(gqa(value), name=name) for name, value in (("x", 60.0), ("y", 61.0), ("z", 59.0))]
        tables = Leaderboard(runs, PUBLISHED).tables()
        rows = ("LLaVA-1.5-7B", "mPLUG-Owl2", "EMMA-7B", "x (measured)", "y (measured)", "z (measured)")
        assert [cell(tables, row, "GQA").rank for row in rows] == [1, 2, 0, 2, 1, 0]

    def test_measured_values_of_several_protocols_are_not(self):
        plain = gqa(60.0)
        cleaned = gqa(61.0, protocol="llava")
        tables = Leaderboard([scored_run(plain, name="x"), scored_run(cleaned, name="y")], PUBLISHED).tables()
        assert [cell(tables, row, "GQA").rank for row in ("x (measured)", "y (measured)")] == [0, 0]


def test_the_file_names_each_model_once():
    assert isinstance(PUBLISHED, Published)
    ids = [row.id for row in PUBLISHED.paper.rows]
    names = [name for row in PUBLISHED.paper.rows for name in row.checkpoints]
    assert len(set(ids)) == len(ids)
    assert len(set(names)) == len(names)
    assert set(ids) <= {model.id for model in PUBLISHED.models}


def test_the_shipped_leaderboard_has_the_published_values_of_today():
    """results/README.md says how its files are written again."""
    with package_data("results/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        shipped = [line for line in csv_module.DictReader(file) if line["kind"] == "published"]
    assert shipped == [*csv_module.DictReader(io.StringIO(csv(Leaderboard([], PUBLISHED).tables())))]
