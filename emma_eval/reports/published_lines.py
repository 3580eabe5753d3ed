"""The published scores of a benchmark for a terminal: a table, its sources and remarks below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from emma_eval.reports.published import Published, PublishedScore
from emma_eval.utils.terminal import Column, paragraph, table_lines

COLUMNS = (
    Column("MODEL", wraps=True),
    Column("SPLIT", wraps=True),
    Column("METRIC", wraps=True),
    Column("VALUE", right=True),
    Column("SOURCE"),
)


def published_lines(benchmark: str, published: Published, width: int) -> Iterator[str]:
    """The scores of the leaderboard's models, EMMA's first, with the splits and metrics in the sources' words."""
    scores = [score for score in published.scores if _letters(score.benchmark).startswith(_letters(benchmark))]
    if not scores:
        yield "No published number of this benchmark is known here."
        return
    chosen = sorted(
        (score for score in scores if score.model in published.rows),
        key=lambda score: published.rows.index(score.model),
        reverse=True,
    )
    sources = _numbered(_source(score, published) for score in chosen)
    notes = _numbered(score.note for score in chosen if score.note)
    rows = []
    for score in chosen:
        note = f" {_letter(notes[score.note])}" if score.note else ""
        values = (published.name_of(score.model), score.split, score.metric, f"{score.value:g}")
        rows.append((*values, f"[{sources[_source(score, published)]}]{note}"))
    yield from table_lines(COLUMNS, rows, width)
    for source, number in sources.items():
        yield from paragraph(f"[{number}] {source}", width, rest="    ")
    for note, number in notes.items():
        yield from paragraph(f"{_letter(number)}: {note}", width, rest="    ")
    doubts = {remark.item: remark.reason for score in chosen for remark in published.remarks_on(score)}
    for item, reason in doubts.items():
        yield from paragraph(f"Doubt, {item}: {reason}", width, rest="    ")
    if len(scores) > len(chosen):
        yield from paragraph(f"{len(scores) - len(chosen)} more of other models: results/published.yaml", width)


def _source(score: PublishedScore, published: Published) -> str:
    """The source in a few words, the place in it, and who reports: `arXiv 2310.03744 (LLaVA-1.5), Table 4`."""
    name = published.sources[score.source].removesuffix(", text copy in file index").removeprefix("repo ")
    return f"{name}, {score.where} ({score.reported_by})"


def _numbered(texts: Iterable[str]) -> dict[str, int]:
    """Each text once -> its number from 1 on."""
    return {text: number for number, text in enumerate(dict.fromkeys(texts), 1)}


def _letter(number: int) -> str:
    """a, b, ..., z, aa, bb, ..."""
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)


def _letters(name: str) -> str:
    """A benchmark's name as it is compared: `OK-VQA` and `okvqa` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
