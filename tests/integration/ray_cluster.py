"""`run --ray` on a cluster of two nodes, on this machine's loopback, while actors, a node and the driver are killed.

Not among the tests of CI: it needs the extra `ray`, Linux, and about two minutes. From the project's root:

    python tests/integration/ray_cluster.py

Each run must end with the scores of a plain run, byte for byte, and with one response to each request.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.2"  # Ray replaces 127.0.0.1 by the machine's own address
REQUESTS = 1910  # of the mini suite
RAY_ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
ENVIRONMENT = os.environ | RAY_ENVIRONMENT | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}

IMPATIENT = """
import sys
from emma_eval.cli.main import main
from emma_eval.inference.replicas import ray_fleet

ray_fleet.FROZEN_SECONDS = 15.0  # ten minutes otherwise
sys.exit(main())
"""


class Cluster:
    """Two nodes of one CPU each, every one a `ray start --block`."""

    def __init__(self, temp: str, python: str = sys.executable, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        self.python, self.environment = python, {**environment, **RAY_ENVIRONMENT}
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        self.address = f"{HOST}:{port}"
        self.head = self._start("--head", f"--port={port}", f"--temp-dir={temp}", "--include-dashboard=false")
        time.sleep(8)
        self.second = self._start(f"--address={self.address}")
        time.sleep(8)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(Path(self.python).with_name("ray")), "start", "--block", f"--node-ip-address={HOST}"]
        command += ["--num-cpus=1", "--disable-usage-stats", *arguments]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_raylet_of_second(self) -> None:
        """As when the machine is lost: nobody is told."""
        for number in descendants(self.second.pid):
            if command_line(number).split(" ")[0].endswith("/raylet"):
                os.kill(number, signal.SIGKILL)

    def signal_actor(self, sent: signal.Signals) -> None:
        """Kill or stop the process of one replica."""
        number = next(n for n in descendants(self.head.pid) if command_line(n).startswith("ray::RayReplica"))
        os.kill(number, sent)

    def close(self) -> None:
        """End all processes of both nodes."""
        for node in (self.second, self.head):
            for number in (*descendants(node.pid), node.pid):
                try:
                    os.kill(number, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            node.wait()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that ends with the block."""
    temp = tempfile.mkdtemp(prefix="ray-")
    nodes = Cluster(temp)
    try:
        yield nodes
    finally:
        nodes.close()
        shutil.rmtree(temp, ignore_errors=True)


def descendants(parent: int) -> list[int]:
    """The children of a process, their children and so on."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    found = [int(number) for number in children.read_text().split()] if children.exists() else []
    return found + [number for child in found for number in descendants(child)]


def command_line(number: int) -> str:
    """A process's command, empty if it has ended."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def run(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start a run of the mini suite."""
    command = [sys.executable, "-c", IMPATIENT, "run", "--tasks", "mini", "--output", str(folder), *options]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def keys(folder: Path) -> list[tuple[str, str, int]]:
    """Task, sample and pass of every recorded response."""
    lines = [(path.stem, json.loads(line)) for path in folder.glob("responses/*") for line in path.open()]
    return [(task, line["id"], line["pass_index"]) for task, line in lines]


def check(name: str, folder: Path, plain: Path, nodes: Cluster, stop: Callable[[subprocess.Popen[str]], None]) -> None:
    """Run, `stop` something after some 500 responses, run again if the driver was stopped, and compare."""
    options = ("--ray", nodes.address, "--replicas", "2", "--batch-size", "16")
    started, seen, heard = time.monotonic(), 0, ""
    process = run(folder, *options)
    while process.poll() is None and not seen:
        count = sum(path.read_bytes().count(b"\n") for path in folder.glob("responses/*"))
        if count > REQUESTS // 4:
            seen = count
            stop(process)
        time.sleep(0.05)
    heard += process.communicate()[1]
    if process.returncode == -signal.SIGKILL:
        process = run(folder, *options)
        heard += process.communicate()[1]
    assert process.returncode == 0, heard
    found = keys(folder)
    assert len(found) == len(set(found)) == REQUESTS, f"{len(found)} responses, {len(set(found))} of them different"
    assert (folder / "scores.json").read_bytes() == (plain / "scores.json").read_bytes()
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    print(
        f"{name}: killed after {seen} of {REQUESTS} responses; {len(found)} at the end, none doubled; scores identical;"
    )
    print(f"  {len(sessions)} session(s), {time.monotonic() - started:.0f} s")
    print("".join(f"  {line}\n" for line in heard.splitlines() if "died" in line), end="", flush=True)


def main() -> int:
    """Run all four."""
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place) / "plain"
        assert run(plain).wait() == 0
        with cluster() as nodes:
            for name, sent in (("an actor", signal.SIGKILL), ("an actor that hangs", signal.SIGSTOP)):
                check(name, Path(place) / sent.name, plain, nodes, lambda _, sent=sent: nodes.signal_actor(sent))
            check("the driver", Path(place) / "driver", plain, nodes, lambda driver: driver.kill())
            check("a node", Path(place) / "node", plain, nodes, lambda _: nodes.kill_raylet_of_second())
    return 0


if __name__ == "__main__":
    sys.exit(main())
