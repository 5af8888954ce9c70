"""Transcripts of the real program: a folder for each, with what was typed and what came back.

``cases/NAME/transcript`` holds steps: ``$ command`` for the shell, then its stdout as it is, its stderr behind
``! ``, and a last line ``? status`` unless that is 0. They run one after the other in a copy of ``project/``
with ``cases/NAME/tree/`` laid over it. Durations and the folder's own path are written ``N.N s`` and ``FOLDER``.
With ``MONO_UPDATE_TRANSCRIPTS=1`` the transcripts are written anew, to be read before they are believed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import Program

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("cases/*/transcript"))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_transcript(case: Path, mono: Program, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(HERE / "project", folder)
    if (case / "tree").is_dir():
        shutil.copytree(case / "tree", folder, dirs_exist_ok=True)
    written = (case / "transcript").read_text(encoding="utf-8")
    commands = [line.removeprefix("$ ") for line in written.split("\n") if line.startswith("$ ")]
    happened = "".join(line for command in commands for line in _step(command, mono, folder))
    if os.environ.get("MONO_UPDATE_TRANSCRIPTS"):
        (case / "transcript").write_text(happened, encoding="utf-8", newline="")
    assert happened == written


def _step(command: str, mono: Program, folder: Path) -> Iterator[str]:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=mono.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    yield f"$ {command}\n"
    yield from (f"{line}\n" for line in _lasting(done.stdout, folder))
    yield from (f"! {line}".rstrip() + "\n" for line in _lasting(done.stderr, folder))
    if done.returncode:
        yield f"? {done.returncode}\n"


def _lasting(output: str, folder: Path) -> list[str]:
    """The lines of ``output`` without what differs from run to run."""
    output = output.replace(str(folder), "FOLDER")
    output = re.sub(r'"seconds": [0-9.]+', '"seconds": N.N', output)
    return re.sub(r"\b[0-9]+\.[0-9] s\b", "N.N s", output).splitlines()
