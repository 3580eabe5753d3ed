"""The strict view of the leaderboard: columns, ranks and footnotes."""

import re

import pytest

from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.tables import Cell, Heading, Table, TableRow, with_ranks
from emma_eval.reports.view import View
from emma_eval.results.scores import Counts
from tests.fakes import metric, mini_scores, scored_run, task_scores


@pytest.fixture(scope="module")
def published():
    return load_published()


def leaderboard(runs, published, *, measured_only: bool = False) -> list[Table]:
    return Leaderboard(runs, published).tables(View(strict=True, measured_only=measured_only))


def table(tables: list[Table], key: str) -> Table:
    return next(t for t in tables if t.key == key)


def cells(table: Table, *heading: str) -> dict[str, Cell]:
    """TableRow label -> the cell of the column with that head, empty ones left out."""
    at = [h.lines for h in table.headings].index(heading)
    return {row.label: row.cells[at] for row in table.rows if row.cells[at].text}


def heads(table: Table) -> list[tuple[str, ...]]:
    return [heading.lines for heading in table.headings]


GQA = ("GQA", "testdev-balanced", "accuracy")


class TestColumns:
    def test_measured_and_published_share_one_where_benchmark_split_and_metric_agree(self, published):
        run = scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 62.34)))
        column = cells(table(leaderboard([run], published), "general"), *GQA)
        assert {label: cell.text for label, cell in column.items()} == {
            "LLaVA-1.5-7B": "62.0",
            "LLaVA-1.5-13B": "63.3",
            "my-emma (measured)": "62.3",
        }
        assert [cell.rank for cell in column.values()] == [0, 1, 2]

    def test_a_split_that_the_source_does_not_state_stands_apart(self, published):
        run = scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 62.34)))
        column = cells(table(leaderboard([run], published), "general"), "GQA", "not stated", "accuracy")
        assert column["EMMA-7B (EMMA-1.0)"].text == "56.0"
        assert "my-emma (measured)" not in column

    @pytest.mark.parametrize(
        ("change", "head", "word"),
        [
            (
                {"complete": False, "counts": Counts(samples=1000, answered=1000, failed=0, missing=0)},
                ("GQA", "testdev-balanced, 1,000 questions only", "accuracy"),
                "only 1,000 of the",
            ),
            ({"protocol": "llava"}, ("GQA", "testdev-balanced", "accuracy, protocol llava"), "protocol llava, so"),
            ({"split": "val"}, ("GQA", "val", "accuracy"), "no published value has this"),
        ],
    )
    def test_what_differs_stands_apart_with_a_word(self, published, change, head, word):
        split = change.get("split", "testdev-balanced")
        run = scored_run(
            task_scores("gqa", split, metric("accuracy", 62.34), **{k: v for k, v in change.items() if k != "split"})
        )
        general = table(leaderboard([run], published), "general")
        assert "my-emma (measured)" not in cells(general, *GQA)
        assert list(cells(general, *head)) == ["my-emma (measured)"]
        mark = cells(general, *head)["my-emma (measured)"].footnotes[0]
        assert word in dict(general.footnotes)[mark]

    def test_one_question_is_said_as_one(self, published):
        one = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.34))
        one = one.model_copy(update={"complete": False, "counts": one.counts.model_copy(update={"samples": 1})})
        general = table(leaderboard([scored_run(one)], published), "general")
        head = ("GQA", "testdev-balanced, 1 question only", "accuracy")
        mark = cells(general, *head)["my-emma (measured)"].footnotes[0]
        assert "protocol official, 1 question" in dict(general.footnotes)[mark]
        assert "1 questions" not in dict(general.footnotes)[mark]

    def test_one_task_may_fill_several(self, published):
        three = [metric("f1", 0.87, "fraction", "category", c) for c in ("random", "popular", "adversarial")]
        run = scored_run(task_scores("pope", "coco", metric("f1", 0.8599, "fraction"), *three))
        hallucination = table(leaderboard([run], published), "hallucination")
        measured = {h: cells(hallucination, *h).get("my-emma (measured)") for h in heads(hallucination)}
        assert {h[1]: cell.text for h, cell in measured.items() if cell} == {
            "random": "87.0",
            "popular": "87.0",
            "adversarial": "87.0",
            "mean of the three": "86.0",
        }

    def test_points_are_printed_with_one_decimal(self, published):
        run = scored_run(task_scores("mme", "test", metric("perception", 1510.749, "points")))
        column = cells(table(leaderboard([run], published), "mllm"), "MME", "perception", "score")
        assert (column["my-emma (measured)"].text, column["LLaVA-1.5-7B"].text) == ("1510.7", "1510.7")

    def test_an_unknown_benchmark_gets_a_table_of_its_own(self, published):
        run = scored_run(task_scores("easy_vqa", "test", metric("accuracy", 93.0)))
        other = table(leaderboard([run], published), "other")
        assert heads(other) == [("EASY_VQA", "test", "accuracy")]

    def test_only_measured_ones_are_shown_on_demand(self, published):
        run = scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 62.34)))
        (general,) = leaderboard([run], published, measured_only=True)
        assert heads(general) == [GQA]

    def test_published_values_with_nothing_beside_them_are_counted_in_one_line(self, published):
        notes = table(leaderboard([], published), "hallucination").notes
        assert len(notes) == 1
        assert re.fullmatch(
            r"Columns of a single published value, with \d+ published values?, are left out; .*", notes[0]
        )


class TestPublishedValues:
    def test_are_those_of_the_sources(self, published):
        general = table(leaderboard([], published), "general")
        vqa = cells(general, "VQAv2", "not stated", "accuracy")
        assert {label: (cell.text, cell.rank) for label, cell in vqa.items()} == {
            "LLaVA-1.5-7B": ("78.5", 0),
            "mPLUG-Owl2": ("79.4", 0),
            "BRAVE": ("82.5", 2),
            "EMMA-7B (EMMA-1.0)": ("89.4", 1),
        }

    def test_each_have_a_footnote_with_source_and_split(self, published):
        for one in leaderboard([], published):
            notes = dict(one.footnotes)
            for row in one.rows:
                for cell in row.cells:
                    assert not cell.text or re.search(r".+, .+; split: .+", notes[cell.footnotes[0]]), row.label

    def test_doubtful_ones_have_a_remark_in_the_same_list(self, published):
        general = table(leaderboard([], published), "general")
        emma = cells(general, "VQAv2", "not stated", "accuracy")["EMMA-7B (EMMA-1.0)"]
        source, doubt = (dict(general.footnotes)[mark] for mark in emma.footnotes)
        assert "assets/result.png" in source
        assert doubt.startswith("EMMA VQAv2 89.42: Far above everything else in its class")
        assert [int(mark) for mark, _ in general.footnotes] == sorted(int(mark) for mark, _ in general.footnotes)
        assert len(cells(general, "VQAv2", "not stated", "accuracy")["LLaVA-1.5-7B"].footnotes) == 1

    def test_disagreeing_sources_are_named(self, published):
        mllm = table(leaderboard([], published), "mllm")
        mark = cells(mllm, "MME", "perception", "score")["LLaVA-1.5-7B"].footnotes[0]
        assert re.search(
            r"Table 4; split: perception \[elsewhere .*1373\.46 in GitHub issue", dict(mllm.footnotes)[mark]
        )

    def test_lower_is_better_where_the_column_says_so(self, published):
        column = cells(table(leaderboard([], published), "hallucination"), "AMBER", "generative", "CHAIR")
        assert column["LLaVA-1.5, size not stated by the source"].rank == 1


class TestRows:
    def test_runs_of_one_model_share_one(self, published):
        runs = [
            scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0))),
            scored_run(task_scores("vqav2", "val", metric("accuracy", 77.0))),
        ]
        general = table(leaderboard(runs, published), "general")
        (row,) = [row for row in general.rows if "measured" in row.label]
        assert sum(bool(cell.text) for cell in row.cells) == 2

    def test_the_same_thing_measured_twice_is_kept_apart(self, published):
        gqa = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0))
        general = table(leaderboard([scored_run(gqa, folder=f"{x}/first") for x in "ab"], published), "general")
        measured = [row.label for row in general.rows if "measured" in row.label]
        assert measured == ["my-emma, a/first (measured)", "my-emma, b/first (measured)"]

    def test_models_of_one_name_are_told_apart_by_what_differs(self, published):
        gqa = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0))
        runs = [scored_run(gqa, dtype="float16"), scored_run(gqa, dtype="float32")]
        general = table(leaderboard(runs, published), "general")
        measured = [row.label for row in general.rows if "measured" in row.label]
        assert measured == ["my-emma, float16 (measured)", "my-emma, float32 (measured)"]


class TestConversationTemplates:
    def own(self, task):
        return task.model_copy(update={"setup": task.setup.model_copy(update={"template": "own"})})

    @pytest.mark.parametrize("kind", ["general", "mini"])
    def test_are_named_where_models_have_different_ones(self, published, kind):
        scores = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.34))
        scores = mini_scores("gqa_mini", 62.0) if kind == "mini" else scores
        theirs = scored_run(self.own(scores), name="hf:Q")
        named, own = (name if kind == "mini" else f"{name} (measured)" for name in ("L", "hf:Q"))
        notes = table(leaderboard([scored_run(scores, name="L"), theirs], published), kind).notes
        assert f"Conversation templates: {named} in vicuna_v1; {own} in the model's own chat template." in notes
        notes = table(leaderboard([theirs], published), kind).notes
        assert f"Conversation templates: {own} in the model's own chat template." in notes
        notes = table(leaderboard([scored_run(scores, name="L")], published), kind).notes
        assert not any(note.startswith("Conversation") for note in notes)


class TestTheMiniSuite:
    def test_stands_in_its_own_table_and_nowhere_else(self, published):
        run = scored_run(
            mini_scores("pope", 80.0).model_copy(update={"split": "coco", "metric": "f1"}),
            mini_scores("gqa_mini", 70.0),
        )
        without = leaderboard([], published)
        tables = leaderboard([run], published)
        assert tables[: len(without)] == without
        assert [t.key for t in tables[len(without) :]] == ["mini", "mini-baseline"]

    def test_is_set_against_the_best_constant_answer(self, published):
        run = scored_run(mini_scores("a_mini", 80.0), mini_scores("b_mini", 70.0))
        baseline = table(leaderboard([run], published), "mini-baseline")
        first, _, mean = baseline.rows
        assert [cell.text for cell in first.cells] == ["100", "yes", "50.0", "80.0", "7e-07 (30:3)"]
        assert mean.cells[3].text == "75.0"

    def test_ranks_models_by_task(self, published):
        runs = [
            scored_run(mini_scores("a_mini", v), name=name)
            for name, v in (("x", 80.0), ("y", 70.0), ("z", 80.04), ("w", 60.0))
        ]
        suite = table(leaderboard(runs, published), "mini")
        assert [(row.label, row.cells[0].rank) for row in suite.rows] == [("x", 1), ("y", 2), ("z", 1), ("w", 0)]


def ranks(higher_is_better: bool | None, *texts: str) -> list[int]:
    rows = [TableRow(str(i), (Cell(text, float(text) if text else None),)) for i, text in enumerate(texts)]
    return [row.cells[0].rank for row in with_ranks([Heading(("h",), higher_is_better)], rows)]


@pytest.mark.parametrize(
    ("higher_is_better", "texts", "expected"),
    [
        (True, ("9.9", "10.1", "9.8"), [2, 1, 0]),
        (False, ("9.9", "10.1", "9.8"), [2, 0, 1]),
        (True, ("5.0", "5.0", "4.0", "3.0"), [1, 1, 2, 0]),
        (True, ("5.0", "4.0", "4.0", "3.0"), [1, 2, 2, 0]),
        (True, ("5.0", "4.0", "4.0"), [1, 0, 0]),
        (True, ("5.0", "4.0"), [1, 0]),
        (True, ("5.0", "5.0"), [1, 1]),
        (True, ("5.0", ""), [0, 0]),
        (None, ("5.0", "6.0"), [0, 0]),
    ],
)
def test_ranks_go_by_what_is_printed(higher_is_better, texts, expected):
    assert ranks(higher_is_better, *texts) == expected
