"""Other programs: what they write, how they end, and that a missing one is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from monorepo.adapters.processes import SystemProcesses
from monorepo.errors import BuildError


def test_output_and_status_are_kept(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd(), os.environ['X']); print('é', file=sys.stderr); sys.exit(3)"
    done = SystemProcesses(capture=True).run(
        [sys.executable, "-X", "utf8", "-c", script], folder=tmp_path, environment={"X": "set"}
    )
    assert (done.status, done.output, done.errors) == (3, f"{tmp_path} set\n", "é\n")


def test_output_goes_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = SystemProcesses().run([sys.executable, "-c", "print('seen')"], folder=tmp_path)
    assert (done.status, done.output) == (0, "")
    assert capfd.readouterr().out == "seen\n"


def test_a_missing_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="the program no-such-program cannot be started"):
        SystemProcesses().run(["no-such-program"], folder=tmp_path)
    (tmp_path / "not-a-program").write_text("")
    with pytest.raises(BuildError, match="Permission denied"):
        SystemProcesses().run([str(tmp_path / "not-a-program")], folder=tmp_path)
