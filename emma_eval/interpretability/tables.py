"""Parameters and operations as text, within the terminal's width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emma_eval.interpretability.latency import Latency
from emma_eval.interpretability.operations import SampleWork
from emma_eval.interpretability.parameters import Group, ParameterCounts, Part
from emma_eval.interpretability.report import ModelReport
from emma_eval.utils.terminal import Column, paragraph, table_lines
from emma_eval.utils.text import format_bytes, pluralize

TRAINED_IN_WORDS = {
    ("no", "no"): "frozen",
    ("no", "yes"): "fine-tuning",
    ("yes", "no"): "pretraining",
    ("yes", "yes"): "both stages",
    ("in part", "yes"): "in part, then all",
}
GROUPS: tuple[Group, ...] = ("vision", "text", "adaptation", "connector", "language model")
INDENT = "    "


def report_lines(reports: Sequence[ModelReport], published: Sequence[str], width: int) -> Iterator[str]:
    """A block for each model, the models side by side if there are several, and what is published of others."""
    for report in reports:
        yield from _model_lines(report, width)
        yield ""
    if len(reports) > 1:
        yield from _side_by_side(reports, width)
        yield ""
    for line in published:
        yield from paragraph(line, width, rest=INDENT)


def _model_lines(report: ModelReport, width: int) -> Iterator[str]:
    counts = report.counts
    yield from paragraph(f"{report.name}: {counts.architecture}", width, rest=INDENT)
    for note in report.notes:
        yield from paragraph(f"note: {note}", width, rest=INDENT)
    yield ""
    yield from _part_lines(counts, width)
    yield ""
    told = "a number that they do not state" if counts.pretrained is None else f"{counts.pretrained:,}"
    trained = f"trained by the authors: {told} in pretraining, {counts.fine_tuned:,} in fine-tuning"
    yield from paragraph(f"{trained} ({counts.training_source})", width, rest=INDENT)
    for one in counts.adaptation:
        text = (
            f"adaptation: {one.what}, {one.parameters:,} = {percent(one.share)} of {one.base} ({one.base_parameters:,})"
        )
        yield from paragraph(text, width, rest=INDENT)
    yield ""
    yield from _work_lines(report.work, width)
    if report.latency is not None:
        yield ""
        yield from _latency_lines(report.latency, width)


def _part_lines(counts: ParameterCounts, width: int) -> list[str]:
    differs = counts.computed != counts.total()
    columns = (
        Column("part"),
        Column("of the checkpoint", right=True),
        Column("computed", right=True),
        Column("trained in"),
    )
    rows = [
        (part.name, f"{part.checkpoint:,}", f"{part.computed:,}" if differs else "", _trained(part))
        for part in counts.parts
    ]
    rows.append(("in all", f"{counts.total():,}", f"{counts.computed:,}" if differs else "", ""))
    return table_lines(columns, rows, width)


def _trained(part: Part) -> str:
    return TRAINED_IN_WORDS[part.pretraining, part.fine_tuning]


def _work_lines(work: SampleWork, width: int) -> Iterator[str]:
    images = f"{pluralize(work.images, 'image')} of {pluralize(work.image_tokens, 'token')}"
    prompt = f"{pluralize(work.text_tokens, 'text token')} and {images}, {work.prompt_tokens:,} in all"
    yield from paragraph(f"operations of a prompt of {prompt}, in {work.dtype}:", width, rest=INDENT)
    columns = (
        Column("part"),
        Column("each"),
        Column("GFLOPs", right=True),
        Column("weights read", right=True),
    )
    rows = [(one.part, one.each, giga(one.flops), format_bytes(one.weight_bytes)) for one in work.parts]
    rows.append(("up to the first token", "prompt", giga(work.first_token_flops), ""))
    yield from table_lines(columns, rows, width)
    cache = f"{work.kv_bytes_per_token:,} bytes a token, {format_bytes(work.kv_bytes_of_prompt)} for the prompt"
    yield from paragraph(f"KV cache: {cache}", width, rest=INDENT)
    yield from paragraph("decoding is the first step after the prompt; it reads the cache besides", width, rest=INDENT)


def _latency_lines(latency: Latency, width: int) -> Iterator[str]:
    place = f"{latency.dtype} on {latency.device}" + (f", {latency.threads} threads" if latency.device == "cpu" else "")
    about = (
        f"one image and one instruction, median of {latency.repeats:,} repeats that alternate, 95% bootstrap interval"
    )
    yield from paragraph(f"latency in {place}: {about}; random weights:", width, rest=INDENT)
    columns = (Column("path"), Column("ms", right=True), Column("interval", right=True))
    rows = [
        (name, f"{time.median:.3f}", f"[{time.low:.3f}, {time.high:.3f}]")
        for name, time in (
            ("encode_instructions", latency.text),
            ("align", latency.align),
            ("both: the alignment path", latency.alignment_path),
            ("plain LLaVA's embed_images", latency.plain),
        )
    ]
    yield from table_lines(columns, rows, width)
    ratio = latency.ratio
    times = f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
    yield from paragraph(
        f"the alignment path takes {times} times as long as plain LLaVA's embed_images, which follows it",
        width,
        rest=INDENT,
    )


def _side_by_side(reports: Sequence[ModelReport], width: int) -> list[str]:
    columns = [Column("parameters"), *(Column(report.name, right=True) for report in reports)]
    rows = [
        (group, *(f"{total:,}" if (total := report.counts.total(group)) else "-" for report in reports))
        for group in GROUPS
    ]
    rows.append(("in all", *(f"{report.counts.total():,}" for report in reports)))
    rows.append(("adaptation / base", *(_share(report.counts) for report in reports)))
    rows.append(("GFLOPs to 1st token", *(giga(report.work.first_token_flops) for report in reports)))
    rows.append(("KV cache, prompt", *(format_bytes(report.work.kv_bytes_of_prompt) for report in reports)))
    return table_lines(columns, rows, width)


def _share(counts: ParameterCounts) -> str:
    return percent(counts.adaptation[0].share) if counts.adaptation else "-"


def percent(share: float) -> str:
    """Three significant digits: `0.0165%`, `15.9%`."""
    return f"{float(f'{100 * share:.3g}'):.12g}%"


def giga(flops: int) -> str:
    """Billions, three digits after the point or at least four significant ones; the JSON file has exact numbers."""
    billions = flops / 1e9
    return f"{billions:,.3f}" if billions >= 1 else f"{billions:.4g}"
