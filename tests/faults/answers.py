"""More answers of a server that does wrong."""

from __future__ import annotations

import socket
import struct
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler

from tests.faults.server import Answer, status

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER for no time: closing resets the connection


def without_length(content: bytes) -> Answer:
    """The end of the connection is the end of the body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def announcing(length: int, content: bytes) -> Answer:
    """Announces ``length`` bytes, whatever there is."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def overlong(content: bytes, more: bytes) -> Answer:
    """Sends ``more`` than it announces."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content + more)
        handler.close_connection = True

    return answer


def chunked(content: bytes, *, whole: bool) -> Answer:
    """In pieces of 100 bytes; half of them, and without one that says it was the last, unless ``whole``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(content) if whole else len(content) // 2, 100):
            piece = content[start : start + 100]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if whole:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = not whole

    return answer


def reset_within(content: bytes, kept: int) -> Answer:
    """Announces all of ``content``, sends ``kept`` bytes of it and resets the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:kept])
        handler.wfile.flush()
        time.sleep(0.05)
        _abort(handler)

    return answer


def reset_before(handler: BaseHTTPRequestHandler) -> None:
    """Resets the connection without a word."""
    _abort(handler)


def busy_until(seconds: float) -> Answer:
    """429, with the date when to come again."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status(429, Retry_After=formatdate(time.time() + seconds, usegmt=True))(handler)

    return answer


def garbage(handler: BaseHTTPRequestHandler) -> None:
    """Answers in no language that is HTTP."""
    handler.wfile.write(b"\x00\x01\x02 what?\r\n\r\n")
    handler.close_connection = True


def _abort(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    handler.connection.close()
