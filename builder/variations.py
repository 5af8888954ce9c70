"""What a second build does otherwise than the first: all that may differ from one machine to another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder.processes import run
from builder.rooms import Conditions, Person

_HOST = "another-host"
_AS_ANOTHER = (
    *("unshare", "--user", "--map-root-user", "--uts", "--", "sh", "-c"),
    f'echo {_HOST} >/proc/sys/kernel/hostname && exec unshare --user --map-user=1 --map-group=1 -- "$@"',
    "sh",
)
"""The command that runs another one as another user on a host of another name, without being either."""


def other_conditions(environment: Mapping[str, str], *, in_sandbox: bool) -> Conditions:
    """One job instead of many, and another umask, time zone, HOME, locale, user and host.

    A locale must be installed; without a sandbox, user and host are others where the system lets anybody make
    namespaces. Programs are looked for along PATH of ``environment``.
    """
    return Conditions(
        jobs=1,
        umask=0o077,
        timezone="Asia/Kathmandu",
        locale=_another_locale(environment),
        home="another-home",
        person=Person("somebody", 2000),
        host=_HOST,
        entrance=() if in_sandbox or not _succeeds((*_AS_ANOTHER, "true"), environment) else _AS_ANOTHER,
    )


def told(conditions: Conditions, *, in_sandbox: bool) -> str:
    """What is otherwise under such conditions, for people."""
    seen = ["user", "host"] if in_sandbox or conditions.entrance else []
    return ", ".join(["one job, another umask", "time zone", "HOME", "locale", *seen])


@contextmanager
def disordered(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """``folder``, made here, but where disorderfs works seen through that, which turns the order of files.

    Most file systems have an order of their own, whatever the order in which files were made.
    """
    view = folder.with_name("disordered")
    for each in (folder, view):
        each.mkdir()
    mount = ("disorderfs", "--sort-dirents=yes", "--reverse-dirents=yes", str(folder), str(view))
    if not _succeeds(mount, environment):
        yield folder
        return
    try:
        yield view
    finally:
        _succeeds(("fusermount", "-u", "-z", str(view)), environment)


def _another_locale(environment: Mapping[str, str]) -> str:
    """One with an order and words of its own, or else the one that is always there."""
    if shutil.which("locale", path=environment.get("PATH")) is None:
        return "C.UTF-8"
    installed = run(("locale", "-a"), folder=Path("/"), environment=_bare(environment)).output.split()
    return next((name for name in installed if name.partition(".")[0] not in ("C", "POSIX")), "C.UTF-8")


def _succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    if shutil.which(command[0], path=environment.get("PATH")) is None:
        return False
    return run(command, folder=Path("/"), environment=_bare(environment)).status == 0


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": environment.get("PATH", ""), "LC_ALL": "C"}
