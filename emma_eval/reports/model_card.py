"""Writes a run's scores into a model card, a README.md of the hub: `model-index` in its metadata, a table in its text.

All else in an existing card stays to the byte: the metadata's other keys, their order and comments, and the text
outside the two markers. So do results that other tools wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from emma_eval.errors import UserError
from emma_eval.reports.markdown import escape_markdown, markdown_section
from emma_eval.reports.model_card_results import TOOL, eval_results, results_table, versions
from emma_eval.results.scores import ScoredRun, read_runs
from emma_eval.utils.files import make_output_folder, read_text, write_atomic
from emma_eval.utils.text import first_error_line, single_spaced
from emma_eval.utils.yaml_io import require_bounded

KEY = "model-index"
BEGIN, END = "<!-- emma-eval results: begin -->", "<!-- emma-eval results: end -->"
METADATA = re.compile(r"\A(\s*---\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)  # as the hub finds it
HOW = (
    "Measured with emma-eval{version}. The 95% interval tells where the value would be for other questions of the same "
    "kind. Failed samples count as wrong. Exact values and settings are in the metadata of this card."
)


def write_model_card(folders: Sequence[Path], path: Path) -> Path:
    """Write the runs' scores into the card at `path`, which is made if there is none, and return the path.

    Raises UserError for runs that a card cannot hold (`eval_results`), and for a card that cannot be read.
    """
    if path.is_dir():
        raise UserError(f"--model-card {path} is a folder: a file is expected, as {path / 'README.md'}")
    runs = read_runs(folders)
    after = updated_card(read_text(path) if path.exists() else "", runs, path)
    make_output_folder(path.parent)
    write_atomic(path, after)
    return path


def updated_card(card: str, runs: Sequence[ScoredRun], path: Path) -> str:
    """The card's text with the runs' results. Raises UserError as `write_model_card` does; `path` is for messages."""
    line_end = "\r\n" if "\r\n" in card else "\n"
    match = METADATA.match(card)
    opening, metadata, closing = match.groups() if match else (f"---{line_end}", "", f"---{line_end}")
    text = card[match.end() :] if match else card
    name = single_spaced(runs[0].scores.name or runs[0].scores.model.name)
    entries = _parsed(metadata, path)
    changed = _with_index(metadata, entries, _merged_index(entries.get(KEY), name, runs, path), line_end)
    heading = "" if card.strip() else f"{line_end}# {escape_markdown(name)}{line_end}"
    section = _section(runs).replace("\n", line_end)
    result = opening + changed + closing + _with_section(heading + text, section, line_end, path)
    _require_kept(entries, result, path)
    return result


def _parsed(metadata: str, path: Path) -> dict[str, Any]:
    try:
        require_bounded(metadata)
        entries = yaml.safe_load(metadata) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: its metadata is not YAML: {first_error_line(error)}") from error
    if not isinstance(entries, dict):
        raise UserError(f"{path}: its metadata is no mapping of keys to values")
    return entries


def _merged_index(index: Any, name: str, runs: Sequence[ScoredRun], path: Path) -> list[dict[str, Any]]:
    """The card's model-index with our results in place of earlier ones of ours, beside those of others.

    They go to the entry of the model's name, or to the only entry, whatever its name: a card is of one model.
    """
    from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

    (ours,) = eval_results_to_model_index(name, eval_results(runs))
    try:
        if index:
            model_index_to_eval_results(index)
        entries = [_without_ours(entry) for entry in index or ()]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path}: its {KEY} cannot be read: {first_error_line(error)} is missing or wrong") from error
    same = [entry for entry in entries if entry["name"] == name]
    target = same[0] if same else entries[0] if len(entries) == 1 else None
    if target is None:
        return [*entries, ours]
    target["results"] += ours["results"]
    return entries


def _without_ours(entry: dict[str, Any]) -> dict[str, Any]:
    results = []
    for result in entry["results"]:
        metrics = [metric for metric in result["metrics"] if (metric.get("args") or {}).get("tool") != TOOL]
        if metrics:
            results.append({**result, "metrics": metrics})
    return {**entry, "results": results}


def _with_index(metadata: str, entries: dict[str, Any], index: list[dict[str, Any]], line_end: str) -> str:
    """The metadata with another model-index in the place of its own, or at its end; all else to the byte."""
    from huggingface_hub.repocard_data import CardData

    data: dict[str, Any] = {KEY: index}
    block = CardData(**data).to_yaml(line_break=line_end)
    if KEY not in entries:
        return metadata + block + line_end
    root = cast(yaml.MappingNode, yaml.compose(metadata, Loader=yaml.SafeLoader))
    start, end = next((key.start_mark.index, value.end_mark.index) for key, value in root.value if key.value == KEY)
    own = re.sub(r"(?:\r?\n[ \t]*(?:#[^\n]*)?)*\Z", "", metadata[start:end])  # comments behind it are the next key's
    return metadata[:start] + block + metadata[start + len(own) :]


def _section(runs: Sequence[ScoredRun]) -> str:
    table = markdown_section(results_table(runs))
    return "\n\n".join([BEGIN, table, HOW.format(version=" and ".join(versions(runs))), END])


def _with_section(text: str, section: str, line_end: str, path: Path) -> str:
    """The card's text with our section between its markers, or at the end where there are none."""
    if BEGIN not in text and END not in text:
        return text.rstrip() + 2 * line_end + section + line_end
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(f"{path}: of the markers {BEGIN!r} and {END!r} each must stand once, in this order")
    return text.partition(BEGIN)[0] + section + text.partition(END)[2]


def _require_kept(before: dict[str, Any], card: str, path: Path) -> None:
    """Raise UserError unless huggingface_hub reads the card, and all metadata but the index are what they were."""
    from huggingface_hub import ModelCard

    try:
        ModelCard(card)
    except (ValueError, TypeError, yaml.YAMLError) as error:
        reason = first_error_line(error)
        raise UserError(f"{path}: its metadata cannot be read once its {KEY} is replaced: {reason}") from error
    match = METADATA.match(card)
    after = yaml.safe_load(match[2]) if match else {}
    if {**before, KEY: None} != {**after, KEY: None}:
        raise UserError(f"{path}: its {KEY} has parts that other keys refer to; write it without anchors")
