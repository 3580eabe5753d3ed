"""Which published model a measured one is: told with `--as`, or recognised by its kind and its checkpoint's name.

Nothing is guessed in silence. A model is recognised only if its loader's family, the name of its folder or hub
repository and, where the manifest has it, its number of parameters are those of one published model; notes say so. A
model of the same family and size under another name (a fine-tuned one, say) is not matched, and a note tells how to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.reports.model_rows import ModelRow
from emma_eval.reports.published import PaperRow, Published
from emma_eval.results.manifest import VARIANT_OPTION, Manifest, ModelFacts, read_manifest
from emma_eval.utils.text import did_you_mean

NO_MODEL = "none"
SAME_SIZE = 0.01  # layers that no answer depends on are not loaded, so loaded parameters are a little fewer


@dataclass(frozen=True, slots=True)
class ModelMatch:
    """The published model that a measured one is compared with, or None; and the reason, where one is worth a note."""

    row: PaperRow | None
    why: str = ""


def match_models(rows: Sequence[ModelRow], published: Published, given: Mapping[str, str]) -> dict[str, ModelMatch]:
    """The match of each row, by its label. Raises UserError for a name in `given` that no row or model has."""
    told = _told_matches(rows, published, given)
    return {row.label: told.get(row.label) or _recognised(row, published) for row in rows}


def _told_matches(rows: Sequence[ModelRow], published: Published, given: Mapping[str, str]) -> dict[str, ModelMatch]:
    """The matches that --as names, by the row's label; a row may be named by its own name, its run's or its model's."""
    by_name: dict[str, list[ModelRow]] = {}
    for row in rows:
        for name in dict.fromkeys((row.name, row.run.scores.name, row.run.scores.model.name)):
            by_name.setdefault(name, []).append(row)
    matches = {}
    for name, model in given.items():
        if name not in by_name:
            known = sorted(filter(None, by_name))
            hint = did_you_mean(name, known) if known else "; none of these runs stands beside published values"
            raise UserError(f"--as {name}={model}: no measured model is called {name!r}{hint}")
        for row in by_name[name]:
            same = _published_row(model, f"--as {name}={model}", published)
            if same and any(map(_is_variant, _manifests(row))):
                raise UserError(f"--as {name}={model}: it is a variant that ablate made, no published model")
            matches[row.label] = ModelMatch(same, "as --as says" if same else "")
    return matches


def _published_row(name: str, argument: str, published: Published) -> PaperRow | None:
    """The row of that id or name. Raises UserError if there is none."""
    if name.casefold() == NO_MODEL:
        return None
    names = {known.casefold(): row for row in published.paper.rows for known in (row.id, row.name)}
    if name.casefold() not in names:
        known = [*(row.id for row in published.paper.rows), NO_MODEL]
        raise UserError(f"{argument}: no published model is called {name!r}{did_you_mean(name, known)}")
    return names[name.casefold()]


def _recognised(row: ModelRow, published: Published) -> ModelMatch:
    facts = _facts(row)
    if facts is None or facts.family is None:
        return ModelMatch(None)
    same_family = [one for one in published.paper.rows if one.family == facts.family]
    name = checkpoint_name(facts.source)
    for one in same_family:
        has_its_name, has_its_size = name in one.checkpoints, _same_size(facts.parameters, one.parameters)
        if has_its_name and has_its_size is not False:  # a size that is not known contradicts nothing
            size = f" of {facts.parameters:,} parameters" if facts.parameters else ""
            return ModelMatch(one, f"{facts.family} model{size} from a checkpoint called {name}")
        if has_its_name:
            why = f"its checkpoint is called {name}, but it has {facts.parameters:,} parameters, not {one.parameters:,}"
            return ModelMatch(None, f"not compared with {one.name}: {why}")
        if has_its_size:
            how = f"--as '{row.name}={one.id}' compares them if it is the same"
            return ModelMatch(None, f"of {one.name}'s kind and size under another name: {how}")
    return ModelMatch(None)


def checkpoint_name(source: str) -> str:
    """The last part of a path or hub name, in lower case: `emma-7b` of `hf:org/EMMA-7B/`."""
    return re.split(r"[/\\:]", source.rstrip("/\\"))[-1].casefold()


def _same_size(ours: int | None, theirs: int | None) -> bool | None:
    """Whether the numbers of parameters agree; None if one is not known."""
    return abs(ours / theirs - 1) < SAME_SIZE if ours and theirs else None


def _facts(row: ModelRow) -> ModelFacts | None:
    """The model's facts in the row's first manifest; scores may lie without one. None for a variant of a model."""
    first = next(_manifests(row), None)
    return None if first is None or _is_variant(first) else first.model


def _manifests(row: ModelRow) -> Iterator[Manifest]:
    return filter(None, (read_manifest(Path(folder)) for folder in row.folders))


def _is_variant(manifest: Manifest) -> bool:
    return VARIANT_OPTION in manifest.settings.model_options
