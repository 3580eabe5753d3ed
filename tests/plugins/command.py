"""The program as a process of its own that finds the packages of a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def emma_eval(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command with the folder `site` on the path; its exit code is the caller's to judge."""
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(ROOT / "run_eval.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
