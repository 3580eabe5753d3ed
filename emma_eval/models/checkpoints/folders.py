"""Where a model's files are: built-in weights, local folders, snapshots of hub repositories. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.paths import expand_user, is_folder, is_regular_file, shorten_path
from emma_eval.models.checkpoints.unsupported import (
    ADAPTER_CONFIG,
    PROJECTOR_FILE,
    describe_folder_without_weights,
    refuse_doubtful_adapter,
)
from emma_eval.registry import entries
from emma_eval.utils.hub import describe_hub_error, fail_fast_and_quietly, require_valid_endpoint
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.neighbours import did_you_mean_folder
from emma_eval.utils.text import did_you_mean

BUILT_IN = {
    "emma-mini": "a small EMMA trained on the mini world; the embedded default",
    "llava-mini": "the same training without the alignment module, for comparison",
    "owl2-mini": "a small mPLUG-Owl2 of the same training, for comparison",
}
BUILT_IN_WEIGHTS = Path(__file__).parents[2] / "mini" / "weights"
EMMA_MINI, LLAVA_MINI, OWL2_MINI = (BUILT_IN_WEIGHTS / name for name in BUILT_IN)  # as the registry names them

PREFIXES = {"hf", "openai"}  # of names: hf:PATH, openai:NAME
MOST_BELOW = 3  # folders named in a message
OPEN_CLIP_PREFIX = "open_clip:"
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
HUB_FILES = [
    "*.json", "*.safetensors", "pytorch_model*.bin", "vision_tower.bin", "tokenizer.model", "*.jinja", "*.txt",
    "adapter_model.bin", "non_lora_trainables.bin", "mm_projector.bin",
]  # fmt: skip


def model_folder(name_or_path: str) -> Path:
    """The checkpoint folder behind a built-in name, a path or a hub name. Raises UserError if there is none."""
    if name_or_path in BUILT_IN:
        folder = BUILT_IN_WEIGHTS / name_or_path
        if not (folder / "config.json").is_file():
            raise UserError(f"the weights of {name_or_path} are not installed: {folder} has no config.json")
        return folder
    folder = expand_user(name_or_path)
    if name_or_path and is_folder(folder):
        return _require_checkpoint(folder)
    if HUB_NAME.fullmatch(name_or_path):
        try:
            snapshot = hub_snapshot(name_or_path, "model")
        except UserError as error:
            raise UserError(f"{error}{did_you_mean_folder(folder, 'config.json')}") from error
        return _require_checkpoint(snapshot)
    if name_or_path and is_regular_file(folder):
        raise UserError(f"{folder} is a file; a model is given as the folder that it lies in")
    like_named = did_you_mean_folder(folder, "config.json")
    raise UserError(
        f"no model {shorten_path(Path(name_or_path))!r}: neither a built-in name, nor a folder, nor a hub name "
        f"(ORG/NAME){like_named or did_you_mean(name_or_path, set(entries('models')) - PREFIXES)}"
    )


def existing_folder(name: str, checkpoint: Path) -> Path | None:
    """The folder with a config.json that a checkpoint names, looked up like a vision tower but not on the hub."""
    places = (path for path in _candidates(name, checkpoint) if path.resolve() != checkpoint.resolve())
    return next((path for path in places if _exists(is_regular_file, path / "config.json")), None)


def vision_tower_folder(name: str, checkpoint: Path, base: Path | None = None) -> Path:
    """The folder of the CLIP model that a checkpoint's `mm_vision_tower` names.

    Looked up next to the checkpoint's folder, in the working directory, and inside the checkpoint's folder, by its
    whole name and by the last part of it; likewise from the base of a LoRA folder; then on the hub. Raises UserError
    if it is nowhere.
    """
    setting = f"{checkpoint / 'config.json'}: mm_vision_tower {name!r:.200}"
    mend = f"put CLIP's folder there, or change mm_vision_tower in {checkpoint / 'config.json'}"
    if not name.strip():
        raise UserError(f"{setting} names no folder and no hub repository; {mend}")
    places = _candidates(name, checkpoint) + (_candidates(name, base) if base else [])
    folders = [path for path in places if _exists(is_folder, path)]
    if found := next((folder for folder in folders if _exists(is_regular_file, folder / "config.json")), None):
        return found
    if folders:
        raise UserError(f"{setting} is {folders[0]}, which has no config.json; {mend}")
    if HUB_NAME.fullmatch(name):
        try:
            return hub_snapshot(name, "vision tower")
        except UserError as error:
            raise UserError(f"{error}; or {mend}") from error
    raise UserError(
        f"{setting} can't be found: no folder of this name next to the checkpoint, in the working directory or inside "
        f"the checkpoint, and not a hub name (ORG/NAME); {mend}"
    )


def open_clip_names(tower: str, checkpoint: Path) -> tuple[str, str]:
    """Architecture and weights of `open_clip:ARCH/PRETRAINED`. PRETRAINED is a tag or a file, looked up like a folder.

    Raises UserError if a part is missing.
    """
    architecture, _, pretrained = tower.removeprefix(OPEN_CLIP_PREFIX).partition("/")
    if not architecture or not pretrained or ":" in architecture:  # `hf-hub:`, `local-dir:` bring their own configs
        raise UserError(f"{checkpoint / 'config.json'}: mm_vision_tower {tower!r} must be open_clip:ARCH/PRETRAINED")
    file = next((path for path in _candidates(pretrained, checkpoint) if _exists(is_regular_file, path)), None)
    return architecture, str(file or pretrained)


def hub_snapshot(name: str, role: str) -> Path:
    """A hub repository's files on this machine, downloaded unless they are cached.

    Raises UserError, in which `role` says what the repository is for, if it is not to be had.
    """
    require_valid_endpoint()
    from huggingface_hub import snapshot_download

    try:
        with fail_fast_and_quietly():
            return Path(snapshot_download(name, allow_patterns=HUB_FILES))
    except Exception as error:  # the hub client raises dozens of kinds: HTTP, offline, cache, name
        raise UserError(
            f"{role} {name!r} is neither a local folder nor to be had from the hub: {describe_hub_error(error)}; "
            f"give the path of a downloaded folder, or check the name and the network"
        ) from error


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a checkpoint folder, in transformers' order of preference: safetensors, then .bin.

    An index decides which shards belong; without one, all files of the kind do. Raises UserError when there are
    none, or when the index names one that is missing or lies outside the folder.
    """
    for stem, suffix in (("model", "safetensors"), ("pytorch_model", "bin")):
        index = folder / f"{stem}.{suffix}.index.json"
        single = folder / f"{stem}.{suffix}"
        if is_regular_file(single):
            return [single]
        if is_regular_file(index):
            return _indexed_shards(folder, index)
        if shards := sorted(folder.glob(f"{stem}-*-of-*.{suffix}"), key=_shard_number):
            return list(_complete_shards(shards))
    raise UserError(describe_folder_without_weights(folder))


def _require_checkpoint(folder: Path) -> Path:
    """The folder. Raises UserError unless it holds a whole model."""
    refuse_doubtful_adapter(folder)
    if not is_regular_file(folder / "config.json"):
        raise UserError(f"{folder} is no checkpoint folder: it has no config.json{_hint_of_training(folder)}")
    return folder


def _hint_of_training(folder: Path) -> str:
    """What to do about a folder without config.json: one that a training left, or one that holds a checkpoint."""
    if inner := next(iter(sorted(folder.glob("checkpoint-*/config.json"))), None):
        return f"; give a folder of training's inside it, {inner.parent.name} say"
    if is_regular_file(folder / ADAPTER_CONFIG):
        return "; training writes it, and non_lora_trainables.bin, beside the adapter when it ends: give that folder"
    if projector := next(iter(sorted(folder.glob("checkpoint-*.bin"))), None):
        return f"; put {projector.name} beside the training's config.json, as {PROJECTOR_FILE}"
    below = sorted(config.parent for depth in ("*", "*/*") for config in folder.glob(f"{depth}/config.json"))
    if len(below) > MOST_BELOW:
        return f"; {len(below)} folders below it have one, {below[0]} for example"
    return f"; {', '.join(map(str, below))} below it {'has' if len(below) == 1 else 'have'} one" if below else ""


def _candidates(name: str, checkpoint: Path) -> list[Path]:
    """Where a tower may be: next to the checkpoint (or to what it is a link to), working directory, checkpoint."""
    parents = (checkpoint.absolute().parent, checkpoint.resolve().parent)
    last = Path(name).name  # of `openai/clip-...`, or of a path on another machine
    paths = [parent / name for parent in parents]
    with suppress(UserError):  # a user of another machine: the folder may lie elsewhere
        paths.append(expand_user(name))
    paths.append(checkpoint / name)
    if last not in ("", ".."):
        paths += [*(parent / last for parent in parents), checkpoint / last]
    return list(dict.fromkeys(paths))


def _exists(check: Callable[[Path], bool], path: Path) -> bool:
    """The check of one candidate of several; a path that cannot be looked at does not exist."""
    with suppress(UserError):
        return check(path)
    return False


def _complete_shards(shards: list[Path]) -> Iterator[Path]:
    """Shards without an index. Raises UserError unless they are numbered 1 to N of N."""
    total = shards[0].stem.rpartition("-of-")[2]
    for number, shard in enumerate(shards, 1):
        if shard.stem.rpartition("-of-")[2] != total:
            raise UserError(f"{shard.parent}: {shards[0].name} and {shard.name} are of two saves, and no index tells")
        if _shard_number(shard) != number or not is_regular_file(shard):
            raise UserError(f"{shard.parent}: shard {number} of {total} is missing, and there is no index")
        yield shard
    if str(len(shards)) != total.lstrip("0"):
        raise UserError(f"{shards[0].parent}: there are {len(shards)} shards of {total}, and no index")


def _shard_number(shard: Path) -> int:
    """5 of `model-00005-of-00033` and of `model-5-of-33`; 0 of other names."""
    number = shard.stem.rpartition("-of-")[0].rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _indexed_shards(folder: Path, index: Path) -> list[Path]:
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UserError(f"{index} has no weight_map")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if Path(name).name != name:
            raise UserError(f"{index} names {name!r}, which lies outside the folder")
        if not is_regular_file(folder / name):
            raise UserError(f"{folder / name} is missing; {index.name} names it")
    return [folder / name for name in names]
