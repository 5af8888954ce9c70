"""A real HTTP server on loopback that offers the files of one folder and remembers what it was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer
from typing import TypeVar

Server = TypeVar("Server", bound=BaseServer)


class FileServer(ThreadingHTTPServer):
    """Use as `with serving(folder) as server`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        """Paths in the order they were asked for, whatever the answer."""
        self.broken: dict[str, bytes] = {}
        """Paths that are answered with these bytes instead of the file's."""
        super().__init__(("127.0.0.1", 0), partial(_Answer, directory=str(folder)))

    @property
    def url(self) -> str:
        """Base address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, FileServer)
        server.asked.append(self.path)
        instead = server.broken.get(self.path)
        if instead is None:
            super().do_GET()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(instead)))
        self.end_headers()
        self.wfile.write(instead)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing: what was asked is in `FileServer.asked`."""


@contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """A server of ``folder`` on a free port of loopback, stopped at the end."""
    with running(FileServer(folder)) as server:
        yield server


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """``server``, which answers in a thread of its own; stopped and closed at the end."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
