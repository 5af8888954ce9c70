"""A real HTTP server on loopback that does wrong as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.server import running

Answer = Callable[[BaseHTTPRequestHandler], None]


class FaultyServer:
    """Answers each path with the next of its answers; the last one stays. ``asked`` lists the paths in order,
    ``times`` when (on the monotonic clock)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.times: list[float] = []
        self.released = threading.Event()

    def on(self, path: str, *answers: Answer) -> str:
        """Answer ``path`` so; gives the url."""
        self.answers[path] = list(answers)
        return self.url + path

    def next(self, path: str) -> Answer:
        self.asked.append(path)
        self.times.append(time.monotonic())
        answers = self.answers.get(path)
        if not answers:
            return status(404)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def body(content: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def truncated(content: bytes, kept: int) -> Answer:
    """Announces all of ``content`` and sends only ``kept`` bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:kept])
        handler.close_connection = True

    return answer


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def redirect(url: str) -> Answer:
    return status(302, Location=url)


def hanging(server: FaultyServer) -> Answer:
    """Takes the question and says nothing until the server ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        server.released.wait(30)
        handler.close_connection = True

    return answer


def dripping(server: FaultyServer, content: bytes, pause: float) -> Answer:
    """Sends a byte every ``pause`` seconds."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for index in range(len(content)):
            handler.wfile.write(content[index : index + 1])
            handler.wfile.flush()
            if server.released.wait(pause):
                return

    return answer


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Drops the connection without a word."""
    handler.close_connection = True
    handler.connection.close()


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                faulty.next(self.path)(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def finish(self) -> None:
            if not self.connection._closed:  # type: ignore[attr-defined]
                super().finish()

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    with running(Server(("127.0.0.1", 0), Handler)) as server:
        faulty = FaultyServer(f"http://127.0.0.1:{server.server_port}")
        try:
            yield faulty
        finally:
            faulty.released.set()
