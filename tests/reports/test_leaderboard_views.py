"""What a reader may choose of the leaderboard: rows, columns, benchmarks, order, notes."""

from __future__ import annotations

import re

import pytest

from emma_eval.errors import UserError
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.tables import Table
from emma_eval.reports.view import View
from tests.fakes import metric, mini_scores, scored_run, task_scores
from tests.reports.leaderboard_tables import PUBLISHED, gqa, labels, notes


class TestViews:
    RUN = scored_run(gqa(), task_scores("pope", "coco", metric("f1", 0.86, "fraction")), mini_scores("gqa_mini", 70.0))

    def board(self, **view: object) -> list[Table]:
        return Leaderboard([self.RUN], PUBLISHED).tables(View(**view))

    def test_measured_columns_alone_with_one_line_on_the_rest(self):
        tables = self.board(measured_only=True)
        heads = [heading.lines for table in tables[:2] for heading in table.headings]
        assert heads == [("GQA",), ("POPE", "F1")]
        left_out = Leaderboard([self.RUN], PUBLISHED).left_out()
        assert re.fullmatch(
            r"27 benchmarks without a measured value, with \d+ published values, left out: .*", left_out
        )
        assert not any("without" in note for table in tables for note in table.notes)

    @pytest.mark.parametrize(
        ("names", "heads"),
        [
            (("gqa",), [("GQA",)]),
            (("MMBench EN",), [("MMBench", "EN")]),
            (("mmbench",), [("MMBench", "EN"), ("MMBench", "CN")]),
            (("pope", "GQA"), [("GQA",), ("POPE", "F1")]),
        ],
    )
    def test_tasks(self, names, heads):
        tables = self.board(tasks=names)
        assert [heading.lines for table in tables for heading in table.headings] == heads

    def test_groups_and_mini_tasks_are_tasks_too(self):
        assert [table.key for table in self.board(tasks=("gqa_mini",))] == ["mini", "mini-baseline"]
        assert [table.key for table in self.board(tasks=("mini",))] == ["mini", "mini-baseline"]
        assert [table.key for table in self.board(tasks=("general",))] == ["general"]

    def test_tasks_of_the_strict_view(self):
        (hallucination,) = self.board(tasks=("pope",), strict=True)
        assert {heading.lines[0] for heading in hallucination.headings} == {"POPE"}
        assert {heading.lines[1] for heading in hallucination.headings} >= {"random", "popular", "adversarial"}

    def test_models(self):
        tables = self.board(models=("emma-7b", "MY-EMMA"), tasks=("gqa",))
        assert [labels(table) for table in tables] == [["EMMA-7B", "my-emma (measured)"]]
        marks = [mark for row in tables[0].rows for one in row.cells for mark in one.footnotes]
        assert marks == [mark for mark, _ in tables[0].footnotes] == ["1", "2", "3"]  # numbered as they are read

    def test_facts_have_notes_and_what_is_not_known_is_a_dash_with_its_reason(self):
        tables = self.board(facts=("params", "data", "adaptation"), tasks=("gqa",))
        shown = {row.label: [one.text for one in row.cells[:3]] for row in tables[0].rows}
        dash = "\N{EN DASH}"
        assert shown == {
            "LLaVA-1.5-7B": ["7B", "1.2M", "none"],
            "mPLUG-Owl2": ["8.2B", "348M", "1.07B"],
            "BRAVE": ["10.3B", "100M", "116M"],
            "EMMA-7B": ["7B", "1.8M", "1.16M"],
            "my-emma (measured)": [dash, dash, dash],
        }
        assert "a checkpoint does not say" in notes(tables, tables[0].rows[-1].cells[1])
        assert "1,164,160 parameters" in notes(tables, tables[0].rows[3].cells[2])

    def test_facts_agree_with_what_the_models_say_of_themselves(self):
        """The short words of the columns occur in the collection's own texts."""
        models = {model.id: model.model_dump() for model in PUBLISHED.models}
        for row in PUBLISHED.paper.rows:
            assert row.params.text in str(models[row.id]["params"])
            assert row.data.text in str(models[row.id]["data"])

    def test_sorted_rows_keep_their_differences(self):
        runs = [scored_run(gqa(value), name=name) for name, value in (("x", 54.0), ("y", 63.0))]
        board = Leaderboard(runs, PUBLISHED, {"x": "emma-7b"})
        (general,) = board.tables(View(tasks=("gqa",), sort="gqa"))
        assert labels(general) == [
            "y (measured)", "LLaVA-1.5-7B", "mPLUG-Owl2", "EMMA-7B", "x (measured)", "minus EMMA-7B", "BRAVE",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("view", "message"),
        [
            ({"tasks": ("gqq",)}, "--tasks gqq: there is no such task, group or benchmark; did you mean 'gqa'?"),
            ({"models": ("llava",)}, "--models llava: no row is called so; "),
            ({"sort": "VQA2"}, "--sort VQA2: no benchmark that is shown is called so; did you mean 'VQAv2'?"),
        ],
    )
    def test_a_name_that_nothing_has_is_refused(self, view, message):
        with pytest.raises(UserError) as caught:
            self.board(**view)
        assert str(caught.value).startswith(message)
