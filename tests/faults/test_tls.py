"""https: whom to trust, no way back to http, and HTTP/2 where it is offered."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monorepo.adapters.http import HttpClient
from monorepo.errors import FetchError, TemporaryError
from tests.faults.http2 import CONTENT, http2_server
from tests.support.server import running

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/down":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate hangs up; that is what is tested."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", "key", "-out", "certificate"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate", certificate / "key")
    return context


@pytest.fixture
def url(context: ssl.SSLContext) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with running(server):
        yield f"https://127.0.0.1:{server.server_port}"


def test_an_unknown_certificate_is_refused_for_good(url: str) -> None:
    with (
        HttpClient() as http,
        pytest.raises(FetchError, match="certificate is not to be trusted") as failure,
        http.stream(url),
    ):
        pass
    assert not isinstance(failure.value, TemporaryError)


def test_a_redirect_from_https_to_http_is_refused(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate"))
    with HttpClient() as http:
        with http.stream(f"{url}/fine") as answer:
            assert list(answer.chunks()) == []
        with (
            pytest.raises(FetchError, match=r"from https to http://127\.0\.0\.1:9/elsewhere"),
            http.stream(f"{url}/down"),
        ):
            pass


def test_http_2_is_spoken_where_it_is_offered(
    context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate"))
    with http2_server(context) as server, HttpClient() as http:
        for name in ("first", "second"):
            with http.stream(f"{server.url}/{name}") as answer:
                assert answer.length == len(CONTENT)
                assert b"".join(answer.chunks()) == CONTENT
        assert server.protocols == ["h2"]  # one connection for both
