"""What every test of faults may ask for."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monorepo.adapters.http import HttpClient
from tests.conftest import lacking
from tests.faults.https import https_server
from tests.faults.scene import Scene
from tests.faults.server import FaultyServer, faulty_server


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "scene")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as faulty:
        yield faulty


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """As mono has it: a busy machine makes it no more impatient."""
    with HttpClient() as client:
        yield client


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files ``key`` and ``certificate``, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        lacking("openssl, which makes the certificate, is not installed")
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
    """What a server with that certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate", certificate / "key")
    return context


@pytest.fixture
def https(context: ssl.SSLContext) -> Iterator[str]:
    """The url of a server with that certificate."""
    with https_server(context) as url:
        yield url
