"""A small hub on loopback: what the hub's clients ask of a data set's repository, answered from a local folder.

It can break a download off after so many bytes, and keeps a log of the requests.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FACTS = {"private": False, "gated": False, "disabled": False, "downloads": 0, "likes": 0}


@dataclass
class Hub:
    """The repositories below `root`, folders ORG/NAME."""

    root: Path
    commit: str = COMMIT
    break_at: int | None = None  # the place in a file where the line goes dead
    damage: bool = False  # send other bytes than the file has, as many
    url: str = ""
    log: list[tuple[str, str, str]] = field(default_factory=list)  # (method, path, Range header)
    authorizations: set[str] = field(default_factory=set)  # the headers of that name

    def downloads(self) -> list[tuple[str, str]]:
        """(file, Range header) of the GETs of files."""
        gets = [(path.partition("/resolve/")[2], ranges) for method, path, ranges in self.log if method == "GET"]
        return [(path.partition("/")[2], ranges) for path, ranges in gets if path]


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """Serve until the end of the block."""
    hub = Hub(root)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def entry(folder: Path, path: Path) -> dict:
    """A file as the hub's tree lists it; all but the README are large files with a SHA-256."""
    data = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    listed = {"type": "file", "path": path.relative_to(folder).as_posix(), "size": len(data), "oid": blob}
    if path.name != "README.md":
        listed["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return listed


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        path = unquote(urlsplit(self.path).path)
        self.hub.authorizations.add(self.headers.get("Authorization") or "")
        self.hub.log.append((self.command, path, self.headers.get("Range") or ""))
        file = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        api = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+))?(?:/(.*))?", path)
        revision = (file and file[2]) or (api and api[3]) or "main"
        folder = self.hub.root / ((file or api)[1] if file or api else "none")
        if not folder.is_dir():
            self._missing("RepoNotFound")
        elif revision not in ("main", self.hub.commit):
            self._missing("RevisionNotFound")
        elif file:
            self._file(folder, folder / file[3])
        elif api[2] == "paths-info":
            asked = json.loads(body)["paths"] if body.startswith("{") else parse_qs(body)["paths"]
            self._json([entry(folder, folder / name) for name in asked if (folder / name).is_file()])
        elif api[2] == "tree":
            self._tree(folder, api[4] or "")
        else:
            names = [{"rfilename": entry(folder, path)["path"]} for path in _files(folder)]
            self._json({"id": api[1], "_id": "1", "sha": self.hub.commit, "tags": [], "siblings": names} | FACTS)

    def _tree(self, folder: Path, inner: str):
        recursive = "recursive=true" in self.path.lower()
        place = folder / inner
        if not place.is_dir():
            self._missing("EntryNotFound")
            return
        paths = sorted(place.rglob("*") if recursive else place.iterdir())
        none = {"type": "directory", "size": 0, "oid": "0" * 40}
        self._json(
            [none | {"path": p.relative_to(folder).as_posix()} if p.is_dir() else entry(folder, p) for p in paths]
        )

    def _file(self, folder: Path, path: Path):
        if not path.is_file():
            self._missing("EntryNotFound")
            return
        listed, data = entry(folder, path), path.read_bytes()
        ranges = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        start, end = (int(ranges[1]), min(int(ranges[2] or len(data)), len(data) - 1)) if ranges else (0, len(data) - 1)
        self.send_response(206 if ranges else 200)
        etag = listed["lfs"]["oid"] if "lfs" in listed else listed["oid"]
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Linked-ETag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end + 1 - start))
        if ranges:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = (data[::-1] if self.hub.damage and path.name != "README.md" else data)[start : end + 1]
        if self.hub.break_at is not None and end >= self.hub.break_at and path.name != "README.md":
            sent = sent[: max(0, self.hub.break_at - start)]
            self.close_connection = True
        self.wfile.write(sent)

    def _json(self, content):
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _missing(self, code: str):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "not here")
        self.send_header("Content-Length", "0")
        self.end_headers()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
