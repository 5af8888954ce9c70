"""Real cross compilers, made of what Debian carries: OCaml for musl and for arm64, and Rust's libraries for both.

`make toolchains` makes them in a folder that is kept between runs, in some seven minutes on two cores. A step that
was finished stays finished; one that was killed is done again. It is remembered by a hash of all
that it was made of, so another recipe, another file or another folder makes it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monorepo.alone import take
from tests.support.debian import SourcesUnavailableError, pinned_file
from tests.support.places import kept_folder
from tests.support.snapshots import SAFELY
from tests.support.toolchain_steps import STEPS, Step

_PROGRAMS = ("gcc", "aarch64-linux-gnu-gcc", "musl-gcc", "qemu-aarch64", "file", "readelf")
"""What is needed to build with the toolchains and to run what they make."""


class StepError(Exception):
    """A command of a step failed; says which, and where all that it said is."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Why toolchains cannot be used, and whether only because a file could not be had."""

    reason: str
    unavailable: bool


@dataclass(frozen=True, slots=True)
class Toolchains:
    """The folder of all that is made, the steps in which it is, and what of them is finished."""

    folder: Path
    steps: tuple[Step, ...] = STEPS

    @property
    def search_path(self) -> str:
        """PATH with OCaml for this machine, dune, findlib, cargo and rustc first.

        ``ocamlfind -toolchain arm64`` and ``-toolchain musl`` lead to the other compilers; rustc knows all three.
        """
        own = [str(self.folder / part / "bin") for part in ("native", "rust")]
        return os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])

    def lacking(self, *names: str) -> Lacking | None:
        """Why the steps of these names have nothing to build with; None where they have."""
        undone = [step for step in self._with_those_before(names) if not self.has(step)]
        notes = [self.note(step).read_text("utf-8").strip() for step in undone if self.note(step).is_file()]
        absent = [program for program in _PROGRAMS if shutil.which(program) is None]
        if notes:
            return Lacking("\n".join(notes), unavailable=True)
        if undone or absent:
            missing = ", ".join((*(step.title for step in undone), *absent))
            return Lacking(
                f"lacking until `make toolchains` makes or installs it: {missing}", unavailable=False
            )
        return None

    def before(self, step: Step) -> tuple[Step, ...]:
        return tuple(other for other in self.steps if other.name in step.after)

    def has(self, step: Step) -> bool:
        stamp = self._stamp(step)
        return stamp.is_file() and stamp.read_text(encoding="utf-8") == self._fingerprint(step)

    def note(self, step: Step) -> Path:
        """Where it says why a file of the step could not be had."""
        return self._own(step, "unavailable")

    def log(self, step: Step) -> Path:
        """All that the commands of a step said."""
        return self._own(step, "log")

    def work(self, step: Step) -> Path:
        """Where a step is made; gone when it is finished."""
        return self._own(step, "work")

    def mark(self, step: Step, *, finished: bool) -> None:
        if finished:
            self._stamp(step).write_text(self._fingerprint(step), encoding="utf-8")
        else:
            self._stamp(step).unlink(missing_ok=True)

    def _with_those_before(self, names: Iterable[str]) -> list[Step]:
        wanted = set(names)
        for step in reversed(self.steps):
            if step.name in wanted:
                wanted.update(step.after)
        return [step for step in self.steps if step.name in wanted]

    def _stamp(self, step: Step) -> Path:
        return self._own(step, "finished")

    def _own(self, step: Step, kind: str) -> Path:
        return self.folder / kind / step.name

    def _fingerprint(self, step: Step) -> str:
        """A hash of the whole recipe of a step, and of those before it."""
        before = [self._fingerprint(other) for other in self.before(step)]
        files = [file.sha256 for file in step.files]
        recipe = [str(self.folder), files, step.texts, step.commands, before]
        return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()


def toolchains_in(kept: Path) -> Toolchains:
    """The toolchains of a folder that is kept between runs, made or not."""
    return Toolchains(kept.resolve() / "toolchains")


def make_toolchains(toolchains: Toolchains, kept: Path) -> bool:
    """Make what is not there yet, and tell of each step on stderr.

    Returns:
        whether all of it is there now. Where a file is not to be had, what needs it is left out, and a note says why.

    Raises:
        StepError: a command failed.
    """
    for part in ("finished", "log", "unavailable", "work"):
        (toolchains.folder / part).mkdir(parents=True, exist_ok=True)
    with _alone_in(toolchains.folder):
        for step in toolchains.steps:
            if not toolchains.has(step):
                _make(step, toolchains, kept)
        return all(toolchains.has(step) for step in toolchains.steps)


def _make(step: Step, toolchains: Toolchains, kept: Path) -> None:
    """Make one step, or say why it is left out."""
    absent = [other.title for other in toolchains.before(step) if not toolchains.has(other)]
    if absent:
        _say(f"{step.title}: left out, as it needs {' and '.join(absent)}")
        return
    try:
        files = [pinned_file(file, kept) for file in step.files]
    except SourcesUnavailableError as error:
        toolchains.note(step).write_text(f"{step.title}: {error}\n", encoding="utf-8")
        _say(f"{step.title}: {error}")
        return
    toolchains.note(step).unlink(missing_ok=True)
    start = time.monotonic()
    _say(f"{step.title} …")
    _carry_out(step, files, toolchains)
    _say(f"{step.title}: made in {time.monotonic() - start:.0f} s")


def _carry_out(step: Step, files: list[Path], toolchains: Toolchains) -> None:
    toolchains.mark(step, finished=False)
    work = toolchains.work(step)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    place = work
    for file in files:
        place = _unpacked(file, work)
    for path, text in step.texts:
        (toolchains.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (toolchains.folder / path).write_text(
            text.replace("{folder}", str(toolchains.folder)), encoding="utf-8"
        )
    search_path = toolchains.search_path if step.after else os.environ.get("PATH", os.defpath)
    environment = {"HOME": str(work), "LC_ALL": "C", "PATH": search_path}
    log = toolchains.log(step)
    log.write_bytes(b"")
    for command in step.commands:
        words = shlex.split(command.format(folder=toolchains.folder, jobs=os.cpu_count() or 1))
        if not _succeeds(words, place, environment, log):
            last = log.read_text("utf-8", errors="replace").splitlines()[-15:]
            raise StepError("\n".join([*last, f"{step.title}: failed; all that was said is in {log}"]))
    toolchains.mark(step, finished=True)
    shutil.rmtree(work)


def _succeeds(words: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> bool:
    """Whether a command does; what it says is added to ``log``."""
    with log.open("ab", buffering=0) as said:
        said.write(f"$ {shlex.join(words)}\n".encode())
        try:
            done = subprocess.run(
                words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        except OSError as error:
            said.write(f"{error}\n".encode())
            return False
        return done.returncode == 0


def _unpacked(file: Path, folder: Path) -> Path:
    """Unpack into ``folder``; the single folder of an upstream archive, ``folder`` itself for a binary package."""
    if file.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--extract", file, folder], check=True)
        return folder
    shutil.unpack_archive(file, folder, **SAFELY)
    (top,) = folder.iterdir()
    return top


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others out that make the same; wait for one that does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        take(
            descriptor,
            lambda: _say(f"toolchains are being made in {folder} already; waiting until that is done"),
        )
        yield
    finally:
        os.close(descriptor)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """`make toolchains`: 0 when all of them are there."""
    kept = kept_folder()
    toolchains = toolchains_in(kept)
    try:
        complete = make_toolchains(toolchains, kept)
    except StepError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("interrupted; `make toolchains` goes on with the step that was not finished")
        return 130
    _say(f"the toolchains are in {toolchains.folder}")
    if not complete:
        _say("not all of them: tests that need what is left out are skipped, and say so")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
