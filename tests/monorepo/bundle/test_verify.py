"""The trial of a bundle: what it runs, where, and that nobody can be reached from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monorepo.adapters.processes import SystemProcesses
from monorepo.bundle.verify import Outcome, verify
from tests.support.server import serving

REACH = """
import os, sys, urllib.request
print(os.environ["HOME"], os.environ["MONO_CACHE"])
if "unpack" in sys.argv:
    os.makedirs("project/contexts")
try:
    urllib.request.urlopen({url!r}, timeout=5)
except OSError:
    sys.exit(0)
sys.exit("the server was reached")
"""


def namespaces_work() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--net", "true"]
    return (
        shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not namespaces_work(), reason="this machine makes no network namespaces")
def test_a_server_of_this_machine_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here", encoding="utf-8")
    with serving(tmp_path) as server:
        mono = (sys.executable, "-c", REACH.format(url=f"{server.url}/file"))
        trial = verify(tmp_path / "b.tar", SystemProcesses(capture=True), mono=mono, builder="mono-build")
        assert server.asked == []
    assert trial.denied_by == "unshare"
    assert [(step.name, step.outcome) for step in trial.steps] == [
        (name, Outcome.PASSED) for name in ("unpack", "lock check", "pull", "contexts")
    ]


def test_without_a_namespace_the_commands_are_run_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "file").write_text("here", encoding="utf-8")
    with serving(tmp_path) as server:
        mono = (sys.executable, "-c", REACH.format(url=f"{server.url}/file"))
        began: list[str] = []
        trial = verify(
            tmp_path / "b.tar",
            SystemProcesses(capture=True),
            mono=mono,
            builder="mono-build",
            began=began.append,
        )
    assert trial.denied_by is None
    assert not trial.good
    assert began == ["unpack"]
    assert [step.outcome for step in trial.steps] == [Outcome.FAILED] + [Outcome.SKIPPED] * 4
    assert trial.steps[0].detail == "the server was reached"
