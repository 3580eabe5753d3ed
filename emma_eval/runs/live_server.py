"""A page on this machine that shows a run while it goes on: `watch --serve`.

It listens on the loopback address alone, gives three things (the page, its status, 404), and reads the run folder as
`watch` does. A request must name this machine as its host, so that no page from elsewhere can read it by way of DNS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from emma_eval.errors import UserError
from emma_eval.reports.headline_metrics import interval_of, name_of, value_of
from emma_eval.reports.html.templates import environment, page_frame
from emma_eval.results.scores import SCORES_FILE, read_scores
from emma_eval.runs.monitor import RunMonitor

ADDRESS = "127.0.0.1"
HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]+)?", re.ASCII | re.IGNORECASE)
SCRIPTS = ("theme.js", "live.js")


class LiveRun:
    """The status of a run as JSON, for any number of browsers."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError if the folder holds no run."""
        self._folder = folder
        self._monitor = RunMonitor(folder)
        self._lock = Lock()
        self._monitor.poll()

    def status(self) -> dict[str, Any]:
        """What the page shows; a problem with the folder in its own words."""
        with self._lock:
            try:
                return self._status()
            except UserError as error:
                return {"problem": str(error)}

    def _status(self) -> dict[str, Any]:
        status = self._monitor.poll()
        tasks = {**status.tasks, "all": status.overall}
        return {
            "model": status.model,
            "state": status.state,
            "tasks": [[name, counts.done, counts.total, counts.failed] for name, counts in tasks.items()],
            "rate": status.rate,
            "seconds_left": status.seconds_left,
            "latest": [[answer.task, answer.sample_id, answer.text, answer.error] for answer in self._monitor.latest],
            "scores": self._scores() if status.state == "finished" else [],
        }

    def _scores(self) -> list[list[str]]:
        if not (self._folder / SCORES_FILE).exists():  # of a shard, or of a run with --answers-only
            return []
        found = []
        for task in read_scores(self._folder).tasks:
            if metric := task.find(task.metric):
                found.append([task.title, name_of(metric), value_of(metric), interval_of(metric)])
        return found


def page(name: str) -> tuple[str, str]:
    """(the page of the run of that name, its Content-Security-Policy)."""
    frame = page_frame(SCRIPTS)
    policy = frame.pop("policy") + "; connect-src 'self'; frame-ancestors 'none'"  # sent as a header
    return environment().get_template("live.html").render(title=name, **frame), policy


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """Serve the page at the port, 0 for any free one, and give its address. Raises UserError if the port is taken."""
    live = LiveRun(folder)
    html, policy = page(folder.absolute().name)
    try:
        server = _QuietServer((ADDRESS, port), _handler(live, html, policy))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no such port"
        raise UserError(f"--serve {port}: {reason}; --serve 0 takes any free port") from error
    with server:
        Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            yield f"http://{ADDRESS}:{server.server_port}/"
        finally:
            server.shutdown()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Nothing: a browser that goes away in the middle of a page is no news, and the terminal shows the run."""


def _handler(live: LiveRun, html: str, policy: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "emma-eval"
        sys_version = ""
        timeout = 10  # seconds that a client may take to say what it wants

        def do_GET(self) -> None:
            if HOST.fullmatch(self.headers.get("Host", "")) is None:
                self._answer(403, "text/plain", "this page is for this machine alone")
            elif self.path == "/":
                self._answer(200, "text/html", html)
            elif self.path == "/status":
                self._answer(200, "application/json", json.dumps(live.status()))
            else:
                self._answer(404, "text/plain", "there is no such page")

        def _answer(self, status: int, kind: str, text: str) -> None:
            data = text.encode("utf-8", "backslashreplace")
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: the terminal shows the run."""

    return Handler
