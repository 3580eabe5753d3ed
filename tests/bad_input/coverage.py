"""Fuzz a target guided by coverage: `python -m tests.bad_input.coverage TARGET [libFuzzer's options]`; needs atheris.

The fuzzer's bytes take the place of random numbers: inputs and judges are those of `python -m tests.bad_input`.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from emma_eval.errors import EmmaEvalError
from tests.bad_input.examine import judged
from tests.bad_input.registry import NAMES, load_target


class BytesRandom(random.Random):
    """Random numbers that are given bytes, then zeros."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self.data, self.place = data, 0

    def getrandbits(self, k: int, /) -> int:
        """The next `k` bits, of whole bytes."""
        size = (k + 7) // 8
        taken = self.data[self.place : self.place + size]
        self.place += size
        return int.from_bytes(taken, "little") & ((1 << k) - 1)

    def random(self) -> float:
        """A number from 0 to 1, of two bytes."""
        return self.getrandbits(16) / 65536


def main(argv: list[str]) -> None:
    """Fuzz until an option of libFuzzer ends it; a fault raises, and libFuzzer keeps its bytes."""
    import atheris  # type: ignore[import-not-found]

    if len(argv) < 2 or argv[1] not in NAMES:
        raise SystemExit(f"python -m tests.bad_input.coverage TARGET; there are: {', '.join(NAMES)}")
    with atheris.instrument_imports(include=["emma_eval"], enable_loader_override=False):
        target = load_target(argv[1])
        with tempfile.TemporaryDirectory(prefix="bad-input-") as folder:
            state: Any = target.prepare(Path(folder))  # imports what is imported late

            def test_one_input(data: bytes) -> None:
                with contextlib.suppress(EmmaEvalError):  # refused
                    judged(target, state, BytesRandom(data))

            atheris.Setup([argv[0], *argv[2:]], test_one_input)
            atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
