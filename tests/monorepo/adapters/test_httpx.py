"""httpx without its command line: quicker to import, and otherwise the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.server import serving

ASKS = """
import sys
from monorepo.adapters.http import HttpClient
with HttpClient() as http, http.stream(sys.argv[1]) as body:
    sys.stdout.buffer.write(b"".join(body.chunks()))
"""
CASES = {
    "it is left out": (ASKS, "import sys; assert 'rich' not in sys.modules"),
    "all else is there": (ASKS, "import httpx; assert all(hasattr(httpx, name) for name in httpx.__all__)"),
    "it stays where it was before": (
        "import httpx._main as before",
        ASKS,
        "import sys; assert sys.modules['httpx._main'] is before",
    ),
    "it is away": ("import sys; sys.modules['rich'] = None", ASKS),
}


@pytest.mark.parametrize("name", CASES)
def test_httpx_does_without_its_command_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"what is there")
    with serving(tmp_path) as server:
        command = [sys.executable, "-c", "\n".join(CASES[name]), f"{server.url}/file"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"what is there", b"")
