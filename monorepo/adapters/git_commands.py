"""The program git, started through GitPython: nothing else imports that."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO
from weakref import finalize

from monorepo.errors import RepositoryError

if TYPE_CHECKING:
    import git

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is told when it is needed, not on import


@dataclass
class GitRefusedError(Exception):
    """git ended with a failure; ``complaint`` are its own lines, at least one."""

    complaint: tuple[str, ...]


_NOT_FOUND = 127  # the shell's status for a program that is not there
_WITHIN = 'ulimit -v "$0" 2>/dev/null; exec git "$@"'
"""Runs git with so much memory (kB) and no more, where the system holds programs to that (not so macOS)."""


def _git_within(memory: int | None) -> Sequence[str]:
    return ("git",) if memory is None else ("/bin/sh", "-c", _WITHIN, str(memory // 1024))


def run_git(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], *, memory: int | None = None
) -> tuple[bytes, str]:
    """What ``git arguments`` printed to stdout, and to stderr; it gets ``memory`` bytes and no more.

    Raises:
        GitRefusedError: it failed.
        RepositoryError: there is no git.
    """
    import git

    try:
        _, output, talk = git.Git(str(folder)).execute(
            [*_git_within(memory), *arguments],
            env=environment,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            with_extended_output=True,
        )
    except git.GitCommandNotFound as error:
        raise _without_git() from error
    except git.GitCommandError as error:
        if error.status == _NOT_FOUND:
            raise _without_git() from error
        raise GitRefusedError(_complaint(error)) from error
    return bytes(output), talk


def stream_git(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    given: BinaryIO,
    output: BinaryIO,
) -> None:
    """Have ``git arguments`` read the file ``given`` as its stdin and write its stdout to ``output``.

    Raises:
        GitRefusedError: it failed.
        RepositoryError: there is no git.
    """
    import git

    try:
        git.Git(str(folder)).execute(
            ["git", *arguments], env=environment, istream=given, output_stream=output
        )
    except git.GitCommandNotFound as error:
        raise _without_git() from error
    except git.GitCommandError as error:
        raise GitRefusedError(_complaint(error)) from error


def _without_git() -> RepositoryError:
    return RepositoryError("git is not installed, or not on PATH", hint="install git")


class BlobReader:
    """The blobs of the repository in ``folder``, read through one process, by one thread at a time."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._process: git.Git | None = None
        self._lock = Lock()

    def read(self, identifier: str) -> bytes | None:
        """The bytes of a blob, None where there is none of that id (40 hex digits)."""
        import git

        with self._lock:
            if self._process is None:
                self._process = git.Git(str(self._folder))
                self._process.update_environment(**self._environment)
                finalize(self, self._process.clear_cache)  # ends it, whatever else refers to what
            try:
                return bytes(self._process.get_object_data(identifier)[3])
            except ValueError:
                return None


def _complaint(error: git.GitCommandError) -> tuple[str, ...]:
    """git's own lines, without GitPython's wrapping."""
    text = str(error.stderr).strip().removeprefix("stderr:").strip().strip("'")
    lines = [re.sub(r"^(?:fatal|error): ", "", line.strip()) for line in text.splitlines() if line.strip()]
    return tuple(lines) or (f"git failed with status {error.status}",)
