"""The comparison that the paper makes: general, MLLM-specialised and hallucination benchmarks, one column each.

Rows are the paper's models as published, then what was measured, with its interval, and below a measured model the
difference to the same model's published value. A mark on a difference refers to a note on what of the two is not the
same, or not known to be: split, metric, protocol, the model's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from emma_eval.reports.comparability import template_notes
from emma_eval.reports.measured_value import measured_cell
from emma_eval.reports.model_matching import ModelMatch
from emma_eval.reports.model_rows import ModelRow
from emma_eval.reports.paper_columns import paper_key
from emma_eval.reports.paper_differences import difference, signed
from emma_eval.reports.paper_facts import fact_cells
from emma_eval.reports.provenance import doubts, provenance, published_record, sources_of
from emma_eval.reports.published import ChosenScore, PaperColumn, PaperRow, Published
from emma_eval.reports.tables import Cell, Footnotes, Heading, Table, TableRow, format_published, with_ranks
from emma_eval.reports.view import FACT_HEADS, View, find_column

TITLES = {
    "general": "General benchmarks",
    "mllm": "MLLM-specialised benchmarks",
    "hallucination": "Hallucination benchmarks",
}


class PaperTables:
    """Builds the tables of the wanted columns; all of them share one numbering of notes."""

    def __init__(
        self,
        rows: Sequence[ModelRow],
        matches: Mapping[str, ModelMatch],
        published: Published,
        view: View,
        footnotes: Footnotes,
    ) -> None:
        self.rows, self.matches, self.published = rows, matches, published
        self.view, self.footnotes = view, footnotes
        matched = {match.row.id for match in matches.values() if match.row}
        self.models = [row for row in published.paper.rows if not row.only_matched or row.id in matched]

    def tables(self, columns: Sequence[PaperColumn]) -> list[Table]:
        """A table for each kind of benchmark of which there are columns."""
        of_kind = {key: [column for column in columns if column.table == key] for key in TITLES}
        return [self._table(key, found) for key, found in of_kind.items() if found]

    def _table(self, key: str, columns: Sequence[PaperColumn]) -> Table:
        headings = (
            *(Heading(FACT_HEADS[fact], None) for fact in self.view.facts),
            *(Heading(column.head, self._higher_is_better(column)) for column in columns),
        )
        facts = len(self.view.facts)
        published = [self._published_row(row, columns) for row in self.models]
        measured = [row for row in self.rows if any(paper_key(column) in row.values for column in columns)]
        groups = [[row] for row in with_ranks(headings, published) if any(cell.text for cell in row.cells[facts:])]
        ranked = with_ranks(self._comparable(headings, measured, columns), self._measured_rows(measured, columns))
        groups += [[shown, *self._difference_rows(row, columns)] for shown, row in zip(ranked, measured, strict=True)]
        groups = self._sorted(groups, columns)
        rows = [row for group in groups for row in group]
        return Table(
            key=key,
            title=TITLES[key],
            corner="Model",
            headings=headings,
            rows=tuple(rows),
            footnotes=self.footnotes.used_by(rows),
            notes=self._notes(measured, columns),
        )

    def _chosen(self, row: PaperRow, column: PaperColumn) -> ChosenScore | None:
        return self.published.choose_for_paper(row, column)

    def _published_row(self, row: PaperRow, columns: Sequence[PaperColumn]) -> TableRow:
        facts = fact_cells(row, self.view.facts, self.footnotes)
        return TableRow(row.name, (*facts, *(self._published_cell(row, column) for column in columns)), "published")

    def _published_cell(self, row: PaperRow, column: PaperColumn) -> Cell:
        chosen = self._chosen(row, column)
        if chosen is None:
            return Cell()
        score = chosen.score
        remarks = doubts(score, self.published)
        if score.model != row.id:
            remarks.insert(0, f"{row.name}: {self.published.name_of(score.model)}")
        source = sources_of(chosen, self.published, column.metric)
        record = self._csv_record(column, score.split) | published_record(row.name, score, source, remarks)
        footnotes = tuple(map(self.footnotes.mark, (source, *remarks)))
        return Cell(format_published(score.value), score.value, footnotes, csv_record=record)

    def _measured_rows(self, rows: Sequence[ModelRow], columns: Sequence[PaperColumn]) -> list[TableRow]:
        return [
            TableRow(
                row.label,
                (
                    *fact_cells(row, self.view.facts, self.footnotes),
                    *(self._measured_cell(row, column) for column in columns),
                ),
                "measured",
            )
            for row in rows
        ]

    def _measured_cell(self, row: ModelRow, column: PaperColumn) -> Cell:
        value = row.values.get(paper_key(column))
        if value is None:
            return Cell()
        source = provenance(value, name_run=len(row.folders) > 1)
        record = self._csv_record(column, value.task.split) | {
            "model": row.label,
            "kind": "measured",
            "source": source,
        }
        return measured_cell(value.metric, (self.footnotes.mark(source),), record)

    def _difference_rows(self, row: ModelRow, columns: Sequence[PaperColumn]) -> Iterator[TableRow]:
        """The row below a measured model that is a published one too."""
        same = self.matches[row.label].row
        if same is None:
            return
        cells = [self._difference_cell(row, same, column) for column in columns]
        if any(cell.text for cell in cells):
            yield TableRow(f"minus {same.name}", (*[Cell()] * len(self.view.facts), *cells), "difference")

    def _difference_cell(self, row: ModelRow, same: PaperRow, column: PaperColumn) -> Cell:
        value, chosen = row.values.get(paper_key(column)), self._chosen(same, column)
        if value is None or chosen is None:
            return Cell()
        found = difference(value, chosen, same, column, self.published)
        note = found.note(same, chosen.score.value)
        record = self._csv_record(column, value.task.split) | {
            "model": f"{row.label} minus {same.name}",
            "kind": "difference",
            "value": found.value,
            "unit": chosen.score.unit,
            "remarks": note,
        }
        footnotes = (self.footnotes.mark(note),) if note else ()
        return Cell(signed(found.value), footnotes=footnotes, csv_record=record, differs=bool(note))

    def _comparable(
        self, headings: Sequence[Heading], rows: Sequence[ModelRow], columns: Sequence[PaperColumn]
    ) -> list[Heading]:
        """The headings, unranked where measured values are not all of one task and protocol."""
        plain = [Heading(heading.lines, None) for heading in headings[: len(self.view.facts)]]
        for heading, column in zip(headings[len(plain) :], columns, strict=True):
            values = [row.values[paper_key(column)] for row in rows if paper_key(column) in row.values]
            asked = {(value.task.name, value.task.protocol, value.metric.n) for value in values}
            plain.append(heading if len(asked) == 1 else Heading(heading.lines, None))
        return plain

    def _higher_is_better(self, column: PaperColumn) -> bool:
        return all(one.higher_is_better for one in self.published.taken_by(column))

    def _sorted(self, groups: list[list[TableRow]], columns: Sequence[PaperColumn]) -> list[list[TableRow]]:
        """By the column of --sort, the best first, if it is among these; rows without a value last."""
        found = find_column(self.view.sort, columns) if self.view.sort else []
        if not found:
            return groups
        at = len(self.view.facts) + columns.index(found[0])
        sign = -1 if self._higher_is_better(found[0]) else 1

        def key(group: list[TableRow]) -> tuple[bool, float]:
            value = group[0].cells[at].value
            return value is None, sign * (value or 0)

        return sorted(groups, key=key)

    def _csv_record(self, column: PaperColumn, split: str) -> dict[str, object]:
        return {"table": column.table, "benchmark": column.title, "split": split, "metric": column.metric}

    def _notes(self, rows: Sequence[ModelRow], columns: Sequence[PaperColumn]) -> tuple[str, ...]:
        """How measured models were matched, and in which conversation templates they were asked."""
        notes = []
        for row in rows:
            match = self.matches[row.label]
            if match.row and any(self._difference_cell(row, match.row, column).text for column in columns):
                notes.append(f"{row.name} is compared with {match.row.name}: {match.why}.")
            elif match.why and match.row is None:
                notes.append(f"{row.name} is {match.why}.")
        asked = [
            (row.label, row.values[key].task.setup.template)
            for row in rows
            for key in map(paper_key, columns)
            if key in row.values
        ]
        return (*notes, *template_notes(asked))
