"""A project, a cache and what is around them. A pull runs as a process; what is on disk afterwards judges it."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from monorepo.lock.format import FILES_FOLDER
from monorepo.lock.model import LockedSource
from monorepo.lock.writer import write_lock
from tests.monorepo.fetch.sources import lock, put, source, tar, vendored
from tests.support.places import program
from tests.support.programs import Outcome

Snapshot = Mapping[str, tuple[object, ...]]

OLD = {"kept": b"as it was\n", "gone": b"of before\n"}
"""The sources of the duniverse that is there before the pull that is tested, each with one file ``a``."""


def snapshot(folder: Path, without: Sequence[str] = ()) -> Snapshot:
    """Everything below ``folder`` but ``without``: names, kinds, modes, bytes, where links lead."""
    found: dict[str, tuple[object, ...]] = {}

    def look(path: Path, prefix: str) -> None:
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            name = prefix + entry.name
            if name in without:
                continue
            about = entry.stat(follow_symlinks=False)
            held: object = None
            if entry.is_symlink():
                held = str(Path(entry.path).readlink())
            elif entry.is_file():
                held = Path(entry.path).read_bytes()
            found[name] = (stat.filemode(about.st_mode), held)
            if entry.is_dir(follow_symlinks=False):
                look(Path(entry.path), f"{name}/")

    if folder.is_dir():
        look(folder, "")
    return found


@dataclass
class Scene:
    """``project`` and ``cache`` in ``folder``, which holds what a pull must leave alone as well.

    ``command`` goes before the program, to run it in another way; ``environment`` is added to its own.
    """

    folder: Path
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    around: Snapshot = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project.mkdir(parents=True, exist_ok=True)
        for name in ("home", "tmp"):
            (self.folder / name).mkdir()
        put(self.folder, "outside/canary", b"alive\n")
        put(self.project, "own.ml", b"let mine = 1\n")

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def duniverse(self) -> Path:
        return self.project / "duniverse"

    @property
    def outside(self) -> Path:
        """A folder that nothing may change."""
        return self.folder / "outside"

    def lock(
        self, *sources: LockedSource, mirrors: tuple[str, ...] = (), files: Sequence[bytes] = ()
    ) -> None:
        """Write mono.lock, and the files that it carries; from here on nothing around may change."""
        text = write_lock(replace(lock(*sources, mirrors=mirrors), inputs=f"sha256:{'0' * 64}"))
        self.write_lock(text, files)

    def write_lock(self, text: str, files: Sequence[bytes] = ()) -> None:
        """As `lock`, with the text itself."""
        (self.project / "mono.lock").write_text(text, encoding="utf-8")
        for content in files:
            put(self.project / FILES_FOLDER, hashlib.sha256(content).hexdigest(), content)
        self.look_around()

    def look_around(self) -> None:
        """What is around now is what `refused` and `done` hold the surroundings against."""
        self.around = self._around()

    def _around(self) -> Snapshot:
        # The lock is looked at by itself: a pull that succeeds may record in it what it made.
        own = ("project/duniverse", "project/mono.lock", "cache")
        found = dict(snapshot(self.folder, own))
        found["project"] = found["project"][:1]
        return found

    def with_old_duniverse(self) -> Snapshot:
        """Pull `OLD`; the duniverse that stands then."""
        self.lock(*self.old_sources())
        self.done(self.pull())
        return snapshot(self.duniverse)

    def old_sources(self) -> list[LockedSource]:
        contents = {name: gzip.compress(tar({"p/a": text}, "w"), mtime=0) for name, text in OLD.items()}
        return [
            source(name, put(self.outside, f"old/{name}.tgz", content), content)
            for name, content in contents.items()
        ]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """``mono pull`` as a process with nothing of this machine in its environment."""
        own = program("mono")
        return subprocess.Popen(
            [*self.command, str(own), "pull", *arguments],
            cwd=self.project,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self.folder / "home"),
                "TMPDIR": str(self.folder / "tmp"),
                "MONO_CACHE": str(self.cache),
                "LC_ALL": "C.UTF-8",
                **self.environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def pull(self, *arguments: str, timeout: float = 120) -> Outcome:
        """``mono pull`` to its end."""
        return finish(self.start(*arguments), timeout)

    def refused(self, outcome: Outcome, old: Snapshot, *, status: int = 1) -> str:
        """The pull failed as it should, and left the ``old`` duniverse byte for byte; what it printed."""
        assert outcome.status == status, outcome
        self._told_well(outcome)
        assert snapshot(self.duniverse) == old
        assert self._around() == self.around
        return outcome.stderr

    def done(self, outcome: Outcome, new: Mapping[str, bytes | str] | None = None) -> str:
        """The pull succeeded, left exactly ``new`` (file by file) and nothing else behind; what it printed."""
        assert outcome.status == 0, outcome
        assert outcome.stdout == ""
        if new is not None:
            assert vendored(self.project) == new
        assert self._around() == self.around
        assert leftovers(self.cache) == []
        return outcome.stderr

    @staticmethod
    def _told_well(outcome: Outcome) -> None:
        """One error, with what to do about it, and in words."""
        lines = outcome.stderr.splitlines()
        assert outcome.stdout == ""
        assert "Traceback" not in outcome.stderr and "mono itself failed" not in outcome.stderr, outcome
        assert sum(line.startswith("error: ") for line in lines) == 1, outcome
        assert sum(line.startswith("hint: ") for line in lines) == 1, outcome
        for line in lines:
            assert all(character.isprintable() for character in line), outcome


def finish(process: subprocess.Popen[str], timeout: float = 120) -> Outcome:
    """What ``process`` left; it fails the test where it does not end."""
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its own session, so the group is its own
        raise
    return Outcome(process.returncode, output, errors)


def leftovers(cache: Path) -> list[str]:
    """What is still coming in, so is no part of the cache: nothing, once a pull has succeeded."""
    incoming = cache / "incoming"
    return sorted(name for name in snapshot(incoming) if not name.endswith(".lock"))


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for it, and fail where it does not come."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
