"""Runs in vLLM's own environment: `--engine vllm` answers the requests of a folder; writes each Pass there.

    ENVIRONMENT/bin/python benchmarks/peers/vllm_engine_worker.py FOLDER

FOLDER holds `job.pickle`: the model's name, the requests, and the number of passes after a warm-up.
"""

from __future__ import annotations

import pickle
import sys
import time
from dataclasses import replace
from pathlib import Path

from emma_eval.inference.loading import EngineChoice, load_engine
from emma_eval.inference.runner import run_requests
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.types import InferenceStats


def main(folder: Path) -> None:
    """Answer every request in each pass; caches are empty before it."""
    name, requests, repeats = pickle.loads((folder / "job.pickle").read_bytes())
    engine = load_engine(find_model(ModelSpec(name, "cpu", "float32")), "auto", EngineChoice("vllm"))
    engine.prepare(requests)
    from benchmarks.variants import WARM_UP, Pass  # imports torch, which must find the environment ready

    passes = []
    for _ in range(repeats):
        list(run_requests(engine, requests[:WARM_UP]))
        engine.language_model.clear()
        engine.runner, stats = replace(engine.runner), InferenceStats()
        start = time.perf_counter()
        answers = {index: response.text for index, response in run_requests(engine, requests, stats)}
        passes.append(Pass(answers, time.perf_counter() - start, stats))
    (folder / "passes.pickle").write_bytes(pickle.dumps(passes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
