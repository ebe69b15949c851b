"""A stand-in for the model hub on this machine, with the parts of its interface that the clients use."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SLOW_PIECES = 4


@dataclass
class Repository:
    """A repository with one commit."""

    folder: Path
    commit: str
    gated: bool = False
    """Whether its files are refused, as they are to those who have not accepted a licence."""
    cut: int = 0
    """How many downloads of its weights break off in the middle."""
    seconds: float = 0.0
    """Pause before each piece of a file."""
    asked: list[str] = field(default_factory=list)
    """Paths that were asked for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories: Mapping[str, Repository]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        name = path.removeprefix("/api/").split("/paths-info/")[0]
        if "/paths-info/" not in path or name not in self.repositories:
            return self._send(404, b"{}")
        wanted = json.loads(content)["paths"] if content.startswith(b"{") else []
        return self._json([entry for entry in _entries(self.repositories[name]) if entry["path"] in wanted])

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/"):
            return self._api(path.removeprefix("/api/"))
        name, _, rest = path.lstrip("/").partition("/resolve/")
        repository = self.repositories.get(name if name.startswith("datasets/") else f"models/{name}")
        if repository is None:
            return self._refuse(401, "RepoNotFound")
        repository.asked.append(path)
        revision, _, file = rest.partition("/")
        if repository.gated:
            return self._refuse(403, "GatedRepo")
        if revision not in (repository.commit, "main"):
            return self._refuse(404, "RevisionNotFound")
        if not (repository.folder / file).is_file():
            return self._refuse(404, "EntryNotFound", repository.commit)
        return self._file(repository, repository.folder / file, body)

    def _api(self, path: str) -> None:
        name = next((name for name in self.repositories if path == name or path.startswith(f"{name}/")), None)
        if name is None:
            return self._refuse(401, "RepoNotFound") if "/" in path else self._send(404, b"{}")
        repository = self.repositories[name]
        repository.asked.append(path)
        kind, _, revision = path.removeprefix(name).lstrip("/").partition("/")
        if kind in ("revision", "tree") and revision.split("/")[0] not in (repository.commit, "main", "v1"):
            return self._refuse(404, "RevisionNotFound")
        if kind == "tree":
            below = "/".join(revision.split("/")[1:])
            entries = [entry for entry in _entries(repository) if str(entry["path"]).startswith(below)]
            return self._json(entries) if entries else self._refuse(404, "EntryNotFound")
        if kind in ("", "revision"):
            siblings = [{"rfilename": entry["path"], "size": entry["size"]} for entry in _entries(repository)]
            about = {"id": name.partition("/")[2], "sha": repository.commit, "siblings": siblings, "tags": []}
            return self._json(about | {"private": False, "gated": "manual" if repository.gated else False})
        return self._send(404, b"{}")

    def _file(self, repository: Repository, file: Path, body: bool) -> None:
        content = file.read_bytes()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        sent = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(sent)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", repository.commit)
        self.end_headers()
        if not body:
            return
        if repository.cut and file.suffix == ".safetensors":
            repository.cut -= 1
            self.wfile.write(sent[: len(sent) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        size = len(sent) // SLOW_PIECES + 1
        for place in range(0, len(sent), size):
            threading.Event().wait(repository.seconds)
            self.wfile.write(sent[place : place + size])
            self.wfile.flush()

    def _refuse(self, status: int, code: str, commit: str = "") -> None:
        self._send(status, b"{}", {"X-Error-Code": code, **({"X-Repo-Commit": commit} if commit else {})})

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _entries(repository: Repository) -> list[dict[str, object]]:
    files = sorted(path for path in repository.folder.rglob("*") if path.is_file())
    return [
        {
            "type": "file",
            "path": path.relative_to(repository.folder).as_posix(),
            "size": path.stat().st_size,
            "oid": sha256(path.read_bytes()).hexdigest()[:40],
        }
        for path in files
    ]


@contextmanager
def hub_of(repositories: Mapping[str, Repository]) -> Iterator[str]:
    """Serves repositories, by names like ``models/owner/name`` and ``datasets/owner/name``; yields the address."""
    handler = type("Handler", (_Handler,), {"repositories": repositories})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
