"""An OpenAI-compatible server on loopback that answers, or fails, as a test says."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 20, "completion_tokens": 3}


@dataclass(frozen=True)
class Reply:
    """What the server does with one request."""

    body: dict[str, Any] | bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the first byte
    drip: float = 0.0  # seconds between two bytes
    cut: bool = False  # half of the body is sent, then the connection is closed
    no_status: bool = False  # the connection is closed at once


def chat(text: Any = "yes", reason: str | None = "stop", usage: Any = USAGE, **more: Any) -> dict[str, Any]:
    """The body of a chat reply."""
    message = {"role": "assistant", "content": text}
    return {
        "model": "served-name", "system_fingerprint": "fp_1", "usage": usage,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}], **more,
    }  # fmt: skip


def error(status: int, message: str = "no", headers: dict[str, str] | None = None, **facts: str) -> Reply:
    """An error as OpenAI's servers word it."""
    return Reply({"error": {"message": message, **facts}}, status, headers or {})


Behaviour = Callable[[dict[str, Any], int], "Reply | dict[str, Any]"]  # of a request's body and its number from 0


@dataclass
class FakeServer:
    """The running server, and what it was asked."""

    url: str
    behave: Behaviour
    bodies: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # monotonic seconds at which they came
    authorizations: list[str | None] = field(default_factory=list)
    in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def texts(self) -> list[str]:
        """The last text of each request."""
        return [text_of(body) for body in self.bodies]


def text_of(body: dict[str, Any]) -> str:
    """The last text of a chat request."""
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"][-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeServer

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._send(Reply({"object": "list", "data": [{"id": "served-name"}, {"id": "another"}]}))

    def do_POST(self) -> None:
        fake, body = self.fake, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with fake.lock:
            number = len(fake.bodies)
            fake.bodies.append(body)
            fake.times.append(time.monotonic())
            fake.authorizations.append(self.headers["Authorization"])
            fake.in_flight += 1
        try:
            if self.path != "/v1/chat/completions":
                self._send(error(404, f"no such address {self.path}"))
                return
            reply = fake.behave(body, number)
            self._send(Reply(reply) if isinstance(reply, dict) else reply)
        finally:
            with fake.lock:
                fake.in_flight -= 1

    def _send(self, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        time.sleep(reply.delay)
        with contextlib.suppress(ConnectionError):  # the client may have given up
            if not reply.no_status:
                self.send_response_only(reply.status)  # without a date of its own
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self._write(data[: len(data) // 2] if reply.cut else data, reply.drip)
            if reply.cut or reply.no_status:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

    def _write(self, data: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(data)
        for place in range(len(data) if drip else 0):
            self.wfile.write(data[place : place + 1])
            time.sleep(drip)


class _Http(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Without a word on a client that has gone away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def fake_server(behave: Behaviour = lambda body, number: chat()) -> Iterator[FakeServer]:
    """Run a server on a free port of loopback."""
    handler = type("Handler", (_Handler,), {})
    with _Http(("127.0.0.1", 0), handler) as http:
        handler.fake = FakeServer(f"http://127.0.0.1:{http.server_address[1]}/v1", behave)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield handler.fake
        finally:
            http.shutdown()
            thread.join()


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
