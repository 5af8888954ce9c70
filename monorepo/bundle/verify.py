"""Tries a bundle where there is nothing: an empty folder, an empty cache, and no network."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from builder.context import Context, read_context
from builder.errors import BuilderError
from monorepo.contexts.plan import FOLDER as CONTEXTS
from monorepo.errors import BuildError
from monorepo.ports import Processes
from solver.values import dataclass

_NUMERIC = re.compile(r"\d+(?:\.\d+)*")

_ENTRANCES = {
    "unshare": ("unshare", "--user", "--map-root-user", "--net", "--"),
    "bubblewrap": ("bwrap", "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--"),
}
"""Programs that run another one in a network namespace of its own, in which there is nobody."""


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried; ``detail`` is why it was skipped, or what the failed command said."""

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a bundle did.

    Args:
        denied_by: the program that took the network away; None where none could, and the commands only were
            told not to use it.
    """

    denied_by: str | None
    steps: tuple[Step, ...]

    @property
    def good(self) -> bool:
        return all(step.outcome is not Outcome.FAILED for step in self.steps)


def verify(
    file: Path,
    processes: Processes,
    *,
    mono: Sequence[str],
    builder: str,
    began: Callable[[str], None] = lambda name: None,
) -> Trial:
    """Unpack the bundle ``file``, check its lock, pull, write contexts, and build, all without network.

    Args:
        processes: those that keep what a program writes.
        mono, builder: the commands to run as mono and as mono-build.
        began: hears the name of each step before it is done.
    """
    with tempfile.TemporaryDirectory(prefix="mono-bundle-", ignore_cleanup_errors=True) as name:
        work = Path(name).resolve()
        denied_by = _denier(processes, work)
        trial = _Trial(work, processes, _ENTRANCES[denied_by] if denied_by else (), began)
        return Trial(denied_by, tuple(trial.steps(file.absolute(), mono, builder)))


def _denier(processes: Processes, work: Path) -> str | None:
    for name, entrance in _ENTRANCES.items():
        if shutil.which(entrance[0]) and processes.run((*entrance, "true"), folder=work).status == 0:
            return name
    return None


@dataclass(frozen=True, slots=True)
class _Trial:
    work: Path
    processes: Processes
    entrance: tuple[str, ...]
    began: Callable[[str], None]

    @property
    def project(self) -> Path:
        return self.work / "project"

    def steps(self, file: Path, mono: Sequence[str], builder: str) -> Iterator[Step]:
        commands = {
            "unpack": ("bundle", "unpack", str(file), "--into", str(self.project)),
            "lock check": ("-C", str(self.project), "lock", "--check", "--offline"),
            "pull": ("-C", str(self.project), "pull", "--offline"),
            "contexts": ("-C", str(self.project), "contexts"),
        }
        failed = ""
        for name, arguments in commands.items():
            step = Step(name, Outcome.SKIPPED, f"{failed} failed")
            if not failed:
                step = self._step(name, (*mono, *arguments))
                failed = name if step.outcome is Outcome.FAILED else ""
            yield step
        if failed:
            yield Step("build", Outcome.SKIPPED, f"{failed} failed")
            return
        for folder in sorted((self.project / CONTEXTS).iterdir()):
            if folder.is_dir():
                yield self._build(folder, builder)

    def _build(self, folder: Path, builder: str) -> Step:
        name = f"build {folder.name}"
        try:
            lacking = self._lacking(read_context(folder))
        except BuilderError as error:
            return Step(name, Outcome.FAILED, str(error))
        if lacking:
            return Step(name, Outcome.SKIPPED, lacking)
        return self._step(name, (builder, f"{CONTEXTS}/{folder.name}"), self.project)

    def _step(self, name: str, command: Sequence[str], folder: Path | None = None) -> Step:
        self.began(name)
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        environment = {"HOME": str(home), "MONO_CACHE": str(self.work / "cache")}
        try:
            done = self.processes.run(
                (*self.entrance, *command), folder=folder or self.work, environment=environment
            )
        except BuildError as error:
            return Step(name, Outcome.FAILED, error.reason)
        if done.status == 0:
            return Step(name, Outcome.PASSED)
        said = done.errors.strip() or done.output.strip() or f"exit status {done.status}"
        return Step(name, Outcome.FAILED, said)

    def _lacking(self, context: Context) -> str:
        """Which tool of the target is absent here, or of another version; empty where all are there."""
        tools = context.toolchain
        compiler = (
            ("ocamlopt",) if tools.name is None else ("ocamlfind", "-toolchain", tools.name, "ocamlopt")
        )
        for what, expected, command in (
            ("dune", tools.dune, ("dune", "--version")),
            ("OCaml", tools.ocaml, (*compiler, "-version")),
        ):
            if shutil.which(command[0]) is None:
                return f"{command[0]} is not on PATH"
            done = self.processes.run(command, folder=self.work)
            found = _NUMERIC.match(done.output.strip()) if done.status == 0 else None
            if found is None or expected not in (None, found[0]):
                return (
                    f"it needs {what} {expected or ''}".rstrip()
                    + f", and there is {found[0] if found else 'none'}"
                )
        absent = [tool for tool in tools.tools if shutil.which(tool) is None]
        return f"{absent[0]} is not on PATH" if absent else ""
