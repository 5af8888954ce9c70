"""Ctrl-C in ``mono pull``, on a terminal and elsewhere: it stops within a second and says what is kept."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from monorepo.lock.writer import save_lock
from tests.faults.scene import until
from tests.faults.server import FaultyServer
from tests.monorepo.fetch.sources import lock, source

CONTENT = bytes(100_000)
KEPT = "interrupted; what was fetched so far is kept, and the next pull goes on with it"


@pytest.fixture
def command(tmp_path: Path, server: FaultyServer) -> list[str]:
    """A pull of many sources of which none ever comes to its end."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2 * len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT)
        handler.wfile.flush()
        server.released.wait(30)
        handler.close_connection = True

    (tmp_path / "project").mkdir()
    sources = [source(f"p{index}", server.on(f"/{index}", endless), b"%d" % index) for index in range(20)]
    save_lock(replace(lock(*sources), inputs=f"sha256:{'0' * 64}"), tmp_path / "project", {})
    program = [sys.executable, "-m", "monorepo.cli", "-C", str(tmp_path / "project")]
    return [*program, "--cache-dir", str(tmp_path / "cache"), "pull"]


def wait_for_parts(folder: Path, count: int) -> None:
    parts = folder / "cache/incoming"
    until(lambda: sum(path.stat().st_size == len(CONTENT) for path in parts.glob("*.part")) >= count)


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_terminal(tmp_path: Path, command: list[str], quiet: bool) -> None:
    process = subprocess.Popen(
        [*command, *(["-q"] if quiet else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    wait_for_parts(tmp_path, 8)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)  # it does not wait for the server
    assert (process.returncode, output) == (130, "")
    assert errors == ("" if quiet else f"fetching 20 sources\n{KEPT}\n")
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["mono.lock"]


def read_all(terminal: int, written: list[bytes]) -> None:
    """Whoever has a terminal reads what is written there, or the writer waits."""
    with suppress(OSError):  # how Linux ends a terminal
        while received := os.read(terminal, 65536):
            written.append(received)


def test_on_a_terminal(tmp_path: Path, command: list[str]) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(ours, written))
    reader.start()
    wait_for_parts(tmp_path, 8)
    until(lambda: b"100.0 kB of 200.0 kB" in b"".join(written))
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    assert process.returncode == 130
    reader.join()
    os.close(ours)
    text = b"".join(written).decode()
    assert "0/20" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is hidden, and shown again
    assert text.rstrip().endswith(KEPT)
