"""https: whom to trust, no way back to http, and HTTP/2 where it is offered."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monorepo.adapters.http import HttpClient
from monorepo.errors import FetchError, TemporaryError
from tests.faults.http2 import CONTENT, http2_server
from tests.faults.server import faulty_server, status


def test_an_unknown_certificate_is_refused_for_good(https: str) -> None:
    with (
        HttpClient() as http,
        pytest.raises(FetchError, match="certificate is not to be trusted") as failure,
        http.stream(https),
    ):
        pass
    assert not isinstance(failure.value, TemporaryError)


def test_a_redirect_from_https_to_http_is_refused(
    https: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate"))
    with HttpClient() as http:
        with http.stream(f"{https}/fine") as answer:
            assert list(answer.chunks()) == []
        with (
            pytest.raises(FetchError, match=r"from https to http://127\.0\.0\.1:9/elsewhere"),
            http.stream(f"{https}/down"),
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


def test_what_is_no_tls_is_refused_for_good(https: str) -> None:
    with faulty_server() as server, HttpClient() as http:
        server.on("/p", status(200))
        with (
            pytest.raises(FetchError, match="TLS cannot be agreed on") as failure,
            http.stream(f"{server.url}/p".replace("http:", "https:")),
        ):
            pass
    assert not isinstance(failure.value, TemporaryError)


def test_many_at_once_share_a_connection_with_http_2(
    context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate"))

    def read(url: str) -> bytes:
        with http.stream(url) as answer:
            return b"".join(answer.chunks())

    with http2_server(context) as server, HttpClient() as http, ThreadPoolExecutor(8) as threads:
        read(f"{server.url}/first")
        urls = [f"{server.url}/{number}" for number in range(40)]
        assert list(threads.map(read, urls)) == [CONTENT] * 40
        assert server.protocols == ["h2"]
