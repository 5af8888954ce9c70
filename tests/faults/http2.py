"""A server on loopback that speaks HTTP/2 over TLS and nothing else."""

from __future__ import annotations

import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from tests.support.server import running

CONTENT = b"what was asked for\n" * 3000  # more than one frame holds


class Http2Server(socketserver.ThreadingTCPServer):
    """Answers every question with `CONTENT`; ``protocols`` has what each connection agreed on."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.protocols: list[str | None] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"


class Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.do_handshake()
        self.server.protocols.append(self.request.selected_alpn_protocol())  # type: ignore[attr-defined]
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        self.request.sendall(connection.data_to_send())
        while received := self.request.recv(65536):
            for event in connection.receive_data(received):
                if isinstance(event, RequestReceived):
                    answer(connection, event.stream_id)
            self.request.sendall(connection.data_to_send())


def answer(connection: H2Connection, stream: int) -> None:
    connection.send_headers(stream, [(":status", "200"), ("content-length", str(len(CONTENT)))])
    step = connection.max_outbound_frame_size
    for start in range(0, len(CONTENT), step):
        connection.send_data(stream, CONTENT[start : start + step])
    connection.end_stream(stream)


@contextmanager
def http2_server(context: ssl.SSLContext) -> Iterator[Http2Server]:
    with running(Http2Server(context)) as server:
        yield server
