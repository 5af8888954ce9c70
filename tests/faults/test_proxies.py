"""Proxies and logins: taken from where every tool takes them, and told to nobody whom they do not concern."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from monorepo.adapters.http import HttpClient
from monorepo.errors import FetchError, TemporaryError, without_logins
from tests.faults.http2 import CONTENT, http2_server
from tests.faults.proxy import Proxy, proxy_server
from tests.faults.server import FaultyServer, body, faulty_server, redirect, status

ANYWHERE = "http://nowhere.invalid"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing of the machine's own proxies and logins."""
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
    for name in ("NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture
def other() -> Iterator[FaultyServer]:
    """A second one."""
    with faulty_server() as faulty:
        yield faulty


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxy_server() as proxy:
        yield proxy


def read(url: str) -> bytes:
    with HttpClient() as http, http.stream(url) as answer:
        return b"".join(answer.chunks())


def basic(login: str) -> str:
    return f"Basic {b64encode(login.encode()).decode()}"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_is_used(
    server: FaultyServer, proxy: Proxy, environment: pytest.MonkeyPatch, variable: str
) -> None:
    environment.setenv(variable, f"http://{proxy.address}")
    url = server.on("/p", body(b"through"))
    assert read(url) == b"through"
    assert proxy.asked == [("GET", url)]
    assert proxy.logins == [None]


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example,127.0.0.1", "*"])
def test_no_proxy_for_these(
    server: FaultyServer, proxy: Proxy, environment: pytest.MonkeyPatch, host: str
) -> None:
    environment.setenv("ALL_PROXY", f"http://{proxy.address}")
    environment.setenv("NO_PROXY", host)
    assert read(server.on("/p", body(b"past it"))) == b"past it"
    assert proxy.asked == []


def test_https_goes_through_a_tunnel(
    proxy: Proxy, context: ssl.SSLContext, certificate: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("SSL_CERT_FILE", str(certificate / "certificate"))
    environment.setenv("HTTPS_PROXY", f"http://me:secret@{proxy.address}")
    with http2_server(context) as server:
        assert read(f"{server.url}/p") == CONTENT
        assert server.protocols == ["h2"]
        assert proxy.asked == [("CONNECT", server.url.removeprefix("https://"))]
    assert proxy.logins == [basic("me:secret")]


def test_a_proxy_that_refuses_is_no_passing_fault(environment: pytest.MonkeyPatch) -> None:
    with proxy_server(refusing=True) as proxy:
        environment.setenv("ALL_PROXY", f"http://me:secret@{proxy.address}")
        for url, reason in (
            (f"{ANYWHERE}/p", "the server answers 407"),
            ("https://nowhere.invalid/p", "the proxy refuses: 407"),
        ):
            with pytest.raises(FetchError, match=reason) as failure:
                read(url)
            assert not isinstance(failure.value, TemporaryError)
            assert "secret" not in repr(failure.value)


@pytest.mark.parametrize(
    "proxy", ["gopher://127.0.0.1:70", "http://me:secret@127.0.0.1:port", "socks5://h:1"]
)
def test_an_impossible_proxy_is_told(environment: pytest.MonkeyPatch, proxy: str) -> None:
    environment.setenv("HTTP_PROXY", proxy)
    with pytest.raises(FetchError, match="the proxy cannot be used") as failure:
        read(f"{ANYWHERE}/p")
    assert "HTTPS_PROXY" in failure.value.hint
    assert "secret" not in repr(failure.value)


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["absent", "nonsense"])
def test_certificates_that_cannot_be_read_are_told(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "file"))
    with pytest.raises(FetchError, match="the certificates cannot be read") as failure:
        read("https://127.0.0.1:9/p")
    assert "SSL_CERT_FILE" in failure.value.hint


def test_a_folder_of_certificates(
    context: ssl.SSLContext, certificate: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    shutil.copy(certificate / "certificate", tmp_path / "own.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
    environment.setenv("SSL_CERT_DIR", str(tmp_path))
    with http2_server(context) as server:
        assert read(f"{server.url}/p") == CONTENT
        environment.setenv("SSL_CERT_FILE", certifi.where())
        assert read(f"{server.url}/p") == CONTENT


def netrc(environment: pytest.MonkeyPatch, folder: Path, text: str, *, named: bool = True) -> None:
    path = folder / ("logins" if named else ".netrc")
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    if named:
        environment.setenv("NETRC", str(path))


def logins(server: FaultyServer) -> list[str | None]:
    return [headers.get("Authorization") for headers in server.headers]


@pytest.mark.parametrize("named", [True, False], ids=["NETRC", "HOME"])
def test_a_login_of_the_netrc_file(
    server: FaultyServer, environment: pytest.MonkeyPatch, tmp_path: Path, named: bool
) -> None:
    netrc(environment, tmp_path, "machine 127.0.0.1 login me password secret\n", named=named)
    assert read(server.on("/p", body(b"yes"))) == b"yes"
    assert logins(server) == [basic("me:secret")]


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("machine elsewhere.example login me password secret\n", None),
        ("machine elsewhere.example login me password secret\ndefault login any password one\n", "any:one"),
        ("machine 127.0.0.1\ndefault login any password one\n", None),
        ("", None),
    ],
    ids=["another's", "default", "empty entry", "empty file"],
)
def test_which_entry_counts(
    server: FaultyServer, environment: pytest.MonkeyPatch, tmp_path: Path, text: str, login: str | None
) -> None:
    netrc(environment, tmp_path, text)
    read(server.on("/p", body(b"")))
    assert logins(server) == [login and basic(login)]


def test_a_login_in_the_url_goes_first(
    server: FaultyServer, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc(environment, tmp_path, "machine 127.0.0.1 login me password secret\n")
    read(server.on("/p", body(b"")).replace("//", "//her:own@"))
    assert logins(server) == [basic("her:own")]


@pytest.mark.parametrize(
    "text", ["machine 127.0.0.1 login me password secret\n", "default login me password secret\n"]
)
def test_no_login_follows_to_another_host(
    server: FaultyServer, other: FaultyServer, environment: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    """Names differ, as ports do not tell hosts apart in a netrc file."""
    netrc(environment, tmp_path, text)
    elsewhere = other.on("/q", body(b"there")).replace("127.0.0.1", "localhost")
    url = server.on("/p", redirect(elsewhere))
    for asked in (url, url.replace("//", "//her:own@")):
        assert read(asked) == b"there"
    assert logins(server) == [basic("me:secret"), basic("her:own")]
    assert logins(other) == [None, None]


def test_a_login_stays_on_its_own_host(server: FaultyServer) -> None:
    server.on("/q", body(b""))
    read(server.on("/p", redirect("/q")).replace("//", "//her:own@"))
    assert logins(server) == [basic("her:own")] * 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [("machine h login me password a secret\n", "no netrc file"), ("\xff", "not in UTF-8")],
)
def test_a_damaged_netrc_file_is_told_without_what_is_in_it(
    environment: pytest.MonkeyPatch, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "logins").write_bytes(text.encode("latin-1"))
    environment.setenv("NETRC", str(tmp_path / "logins"))
    with pytest.raises(FetchError, match=reason) as failure:
        read(f"{ANYWHERE}/p")
    assert failure.value.place.startswith(str(tmp_path / "logins"))
    assert "secret" not in repr(failure.value)


def test_no_error_shows_a_login(server: FaultyServer) -> None:
    for answer in (status(404), status(503), status(302, Location="ftp://me:secret@h/")):
        url = server.on("/p", answer).replace("//", "//her:secret@")
        with pytest.raises(FetchError) as failure:
            read(url)
        assert "secret" not in str(failure.value)
        assert f"{server.url}/p" in str(failure.value)


def test_no_part_of_an_error_shows_a_login() -> None:
    url = "https://her:secret@h/p"
    assert "secret" not in repr(FetchError(url, url, f"git ls-remote {url}", (url,)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@h/p", "https://h/p"),
        ("https://token@h/p and http://a:b@h", "https://h/p and http://h"),
        ("git+https://me:sec@ret@h/p#v@1", "git+https://h/p#v@1"),
        ("git+ssh://git@h/p", "git+ssh://git@h/p"),
        ("ssh://git:secret@h/p", "ssh://git@h/p"),
        ("socks5://me:secret@h:1", "socks5://me@h:1"),
        ("https://h/p@1.0.tbz", "https://h/p@1.0.tbz"),
        ("mail a@example.org or see https://h/", "mail a@example.org or see https://h/"),
        ("ssh://h:22/p@1", "ssh://h:22/p@1"),
    ],
)
def test_what_is_left_of_a_url(text: str, shown: str) -> None:
    assert without_logins(text) == shown
