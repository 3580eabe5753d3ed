"""A package with one entry point, installed into a folder, for commands and processes that find models by name."""

from __future__ import annotations

from pathlib import Path


def install_package(site: Path, name: str, code: str, entry_point: str, group: str = "emma_eval.models") -> None:
    """Write the module `name` and its metadata into `site`; `entry_point` is the name in the module."""
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / f"{name}.py").write_text(code)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}:{entry_point}\n")
