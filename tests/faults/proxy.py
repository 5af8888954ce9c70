"""A real proxy on loopback: it forwards http, tunnels https, and remembers what it was asked for."""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.server import running


class Proxy(ThreadingHTTPServer):
    """``asked`` lists method and what was asked for; ``logins`` the Proxy-Authorization of each question.

    With ``refusing`` every question is answered 407.
    """

    daemon_threads = True

    def __init__(self, *, refusing: bool = False) -> None:
        self.asked: list[tuple[str, str]] = []
        self.logins: list[str | None] = []
        self.refusing = refusing
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._refused():
            return
        parts = urlsplit(self.path)
        assert parts.hostname is not None
        onward = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
        onward.request("GET", parts.path)
        answer = onward.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        onward.close()

    def do_CONNECT(self) -> None:
        if self._refused():
            return
        host, _, port = self.path.rpartition(":")
        self.close_connection = True
        with socket.create_connection((host, int(port)), timeout=5) as onward:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: onward, onward: self.connection}
            while True:
                ready, _, _ = select.select(list(ends), [], [], 5)
                for end in ready:
                    received = end.recv(65536)
                    if not received:
                        return
                    ends[end].sendall(received)
                if not ready:
                    return

    def _refused(self) -> bool:
        proxy = self.server
        assert isinstance(proxy, Proxy)
        proxy.asked.append((self.command, self.path))
        proxy.logins.append(self.headers.get("Proxy-Authorization"))
        if proxy.refusing:
            self.send_response(407)
            self.send_header("Content-Length", "0")
            self.end_headers()
        return proxy.refusing

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def proxy_server(*, refusing: bool = False) -> Iterator[Proxy]:
    with running(Proxy(refusing=refusing)) as proxy:
        yield proxy
