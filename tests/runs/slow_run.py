"""A run that takes its time, to be killed: `python -m tests.runs.slow_run DATA FOLDER`."""

import sys
import time
from pathlib import Path

from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from tests.fakes import FakeEngine, FakeHandle, pope_settings


class Slow(FakeEngine):
    def respond(self, request):
        time.sleep(0.2)
        return super().respond(request)


if __name__ == "__main__":
    data, folder = map(Path, sys.argv[1:])
    run_evaluation(pope_settings(data), folder, PlainProgress(), FakeHandle(Slow()))
