"""An engine that dies under its command: an error out of vLLM's step, a node of Ray's, the whole of a Ray cluster."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator

from tests.faults.engines import python_of
from tests.faults.subjects import RAY, VLLM
from tests.faults.trial import Case, Trial
from tests.integration.ray_cluster import Cluster

GOES_ON = "the same command goes on"
STEP_FAILS = """
from vllm.v1.engine.llm_engine import LLMEngine
def failing(self):
    raise RuntimeError("injected")
LLMEngine.step = failing
"""
LOWERED = "import emma_eval.inference.replicas.ray_fleet as here; here.LOST_SECONDS = 5.0"  # of 60


def cases() -> Iterator[Case]:
    """Each is started again by the same command."""
    yield Case("engine lost", VLLM, "step", step_fails)
    yield Case("engine lost", RAY, "cluster", cluster_gone)
    yield Case("engine lost", RAY, "node", node_gone)


def step_fails(trial: Trial) -> None:
    """vLLM raises in the middle, after some answers."""
    child = trial.stop_at(trial.at("generation", 0.5), STEP_FAILS)
    child.go()
    trial.ended(child.finish(), 2, says=GOES_ON)
    before = trial.records()
    trial.again()
    trial.require_kept(before)


def cluster_gone(trial: Trial) -> None:
    """Ray's own process on the only machine is killed, and with it the cluster. The model is slow enough to notice."""
    slow = trial.case / "slow"
    slow.write_text("time.sleep(6)")
    trial.environment["FAULT_MODEL"] = str(slow)
    child = trial.stop_at(trial.at("generation", 0.3), LOWERED)
    os.kill(child.worker("/raylet"), signal.SIGKILL)
    child.go()
    trial.ended(child.finish(), 2, says=GOES_ON)
    slow.unlink()
    before = trial.records()
    trial.again()
    trial.require_kept(before)


def node_gone(trial: Trial) -> None:
    """One of two nodes is lost: the other does its work."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as temp:
        nodes = Cluster(temp, python_of(RAY.package), {**os.environ, **trial.place.environment})
        try:
            trial.extra = ("--ray", nodes.address)
            child = trial.stop_at(trial.at("generation", 0.3))
            nodes.kill_raylet_of_second()
            child.go()
            trial.ended(child.finish(), 0)
            trial.require_whole()
        finally:
            nodes.close()
    trial.extra = ()
    trial.again()
