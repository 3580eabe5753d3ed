"""The files of a split in a hub repository: their names from `datasets`, sizes and hashes from the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from emma_eval.data.hub.snapshot import HubFile, Split
from emma_eval.errors import UserError
from emma_eval.utils.hub import fail_fast_and_quietly, require_hub_reachable
from emma_eval.utils.text import did_you_mean, error_message

if TYPE_CHECKING:
    from emma_eval.tasks.sections import HubConfig

_PINNED = (
    "; commit {} is pinned by --lock, or by the task: then `hub: {{revision: null}}` in a task file of your own takes "
    "the newest"
)


def list_split(hub: HubConfig, config: str | None) -> Split:
    """The files of the revision that the task pins, else of the newest. Raises UserError if they cannot be listed.

    Downloads the repository's README and no data.
    """
    require_hub_reachable()
    name = hub.id if config is None else f"{hub.id} ({config})"
    try:
        with fail_fast_and_quietly():
            return _listed(hub, config, name)
    except UserError:
        raise
    except Exception as error:  # the hub's client raises dozens of kinds: HTTP, name, access, format
        pinned = _PINNED.format(hub.revision[:12]) if hub.revision else ""
        raise UserError(f"data set {name} cannot be listed: {error_message(error)[:200]}{pinned}") from error


def _listed(hub: HubConfig, config: str | None, name: str) -> Split:
    if hub.files:
        return _official_files(hub)
    from datasets import load_dataset_builder
    from huggingface_hub import HfApi

    builder = load_dataset_builder(hub.id, config, revision=hub.revision)
    data_files: dict[str, Any] = builder.config.data_files or {}
    if hub.split not in data_files:
        raise UserError(f"data set {name} has no split {hub.split!r}{did_you_mean(hub.split, data_files)}")
    revision, paths = _within_repository(hub.id, list(data_files[hub.split]))
    infos: Any = HfApi().get_paths_info(hub.id, paths, revision=revision, repo_type="dataset")
    files = {info.path: _file(info) for info in infos}
    return Split(
        id=hub.id,
        config=config,
        split=hub.split,
        revision=revision,
        builder=builder.name,
        features=builder.info.features.to_dict() if builder.info.features else None,
        files=tuple(files[path] for path in paths),
    )


def _official_files(hub: HubConfig) -> Split:
    """The files and whole folders that a task names. Raises UserError for one that does not exist."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    revision = api.dataset_info(hub.id, revision=hub.revision).sha or ""
    tree = api.list_repo_tree(hub.id, recursive=True, revision=revision, repo_type="dataset")
    infos = [info for info in tree if isinstance(info, RepoFile)]
    wanted = {name: [info for info in infos if f"{info.path}/".startswith(f"{name}/")] for name in hub.files}
    for name, found in wanted.items():
        if not found:
            raise UserError(f"data set {hub.id} has no file {name!r}{did_you_mean(name, [i.path for i in infos])}")
    files = tuple(_file(info) for found in wanted.values() for info in found)
    return Split(id=hub.id, config=None, split="", revision=revision, builder="", features=None, files=files)


def _file(info: Any) -> HubFile:
    """A file as the hub describes it: large ones have a SHA-256."""
    if info.lfs:
        return HubFile(path=info.path, size=info.size, sha256=info.lfs.sha256)
    return HubFile(path=info.path, size=info.size, git_sha1=info.blob_id)


def _within_repository(name: str, urls: list[str]) -> tuple[str, list[str]]:
    """(commit, paths in the repository) of `hf://datasets/ORG/NAME@COMMIT/PATH`. Raises UserError for other places."""
    start = f"hf://datasets/{name}@"
    elsewhere = [url for url in urls if not url.startswith(start)]
    if elsewhere:
        raise UserError(
            f"data set {name} keeps its files elsewhere, {elsewhere[0]}, where nothing is fetched from; "
            "give the official files with --data"
        )
    parts = [url.removeprefix(start).split("/", 1) for url in urls]
    return unquote(parts[0][0]), [path for _, path in parts]
