"""A real HTTP server on loopback that does wrong as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.server import running

Answer = Callable[[BaseHTTPRequestHandler], None]


class FaultyServer:
    """Answers each path with the next of its answers; the last one stays.

    ``asked`` lists the paths in order, ``headers`` those of each question, ``connections`` counts, and
    ``busiest`` is how many were answered at once; ``times`` is when each was asked, on the monotonic clock.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.times: list[float] = []
        self.headers: list[Mapping[str, str]] = []
        self.connections = 0
        self.busy = self.busiest = 0
        self._lock = threading.Lock()
        self.released = threading.Event()

    def on(self, path: str, *answers: Answer) -> str:
        """Answer ``path`` so; gives the url."""
        self.answers[path] = list(answers)
        return self.url + path

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Counts how many are answered at a time."""
        with self._lock:
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def next(self, path: str, headers: Mapping[str, str]) -> Answer:
        self.asked.append(path)
        self.times.append(time.monotonic())
        self.headers.append(dict(headers))
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


def ranged(content: bytes, *, kept: int | None = None, **headers: str) -> Answer:
    """Answers Range and If-Range as a good server does; says at most ``kept`` bytes, then hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range", "")
        condition = handler.headers.get("If-Range")
        start = 0
        if asked and condition in (None, headers.get("ETag"), headers.get("Last_Modified")):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content) and asked:
            status(416, Content_Range=f"bytes */{len(content)}")(handler)
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:] if kept is None else content[start : start + kept])
        handler.close_connection = kept is not None

    return answer


def slowly(answer: Answer, pause: float = 0.02) -> Answer:
    """The same, after a while."""

    def later(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(pause)
        answer(handler)

    return later


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(code)
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
                with faulty.answering():
                    faulty.next(self.path, self.headers)(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def setup(self) -> None:
            faulty.connections += 1
            super().setup()

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
