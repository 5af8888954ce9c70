"""What can go wrong, as data. Words are made of it in the command line alone.

MonoError
├── ManifestError       mono.toml, or a root's opam file, says something impossible
├── RepositoryError     a repository cannot be opened or read
│   └── UnavailableError  … as it is not there, or cannot be reached: nothing here is at fault
│       └── UnreachedError  … as its server cannot be reached, whatever is asked of it
├── UnsolvableError     no answer exists; carries the explanation
├── LockError           mono.lock is absent, stale, damaged, or of another format
├── FetchError          a source could not be had, verified or unpacked
│   ├── AbsentError     … from there: the server or folder has nothing of that name
│   ├── TemporaryError  … now: a busy server, a lost connection; asking again may help
│   ├── NowhereError    … from any place; carries what each place answered
│   └── SeveralError    several could not be had; carries the failures of all
├── DuniverseError      the vendored tree cannot be made or is not what the lock says
├── TargetError         a target is unknown or cannot do what is asked
└── BuildError          the separate builder refused or failed
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

_LOGIN = re.compile(r"(https?://)[^/\s]*@|(\w+://[^/\s:@]+):[^/\s]*(?=@)")


def without_logins(text: str) -> str:
    """``text`` without what the urls in it have before an ``@``; the name alone stays in those of ssh."""
    return _LOGIN.sub(r"\1\2", text) if "@" in text else text


@dataclass
class MonoError(Exception):
    """An expected failure. Logins in the urls of its texts are left out, as it is told and logged.

    Args:
        reason: what is wrong, one sentence without a full stop at the end.
        place: file and line, package, url or target that it is about; empty where there is none.
        hint: what to do about it; empty where nothing helps.
        details: further lines, each standing on its own.
    """

    reason: str
    place: str = ""
    hint: str = ""
    details: tuple[str, ...] = ()

    code = "error"

    def __post_init__(self) -> None:
        self.reason, self.place = without_logins(self.reason), without_logins(self.place)
        self.hint = without_logins(self.hint)
        self.details = tuple(map(without_logins, self.details))

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason

    def __reduce__(self) -> tuple[type[MonoError], tuple[object, ...]]:
        """How it is copied to another process; an exception's own way knows of no fields."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))


class ManifestError(MonoError):
    code = "manifest"


class RepositoryError(MonoError):
    code = "repository"


class UnavailableError(RepositoryError):
    pass


class UnreachedError(UnavailableError):
    """Whatever else is asked of that server fails as well."""


class UnsolvableError(MonoError):
    code = "unsolvable"


class LockError(MonoError):
    code = "lock"


@dataclass
class FetchError(MonoError):
    """See the head of this file.

    Args:
        host: the server or proxy that failed whatever was asked of it; empty where something else did.
    """

    host: str = ""

    code = "fetch"


class AbsentError(FetchError):
    """Nothing of that name is there; elsewhere it may be."""


@dataclass
class TemporaryError(FetchError):
    """A failure that may pass.

    Args:
        wait: seconds that the server asked to wait before the next try, None where it did not say.
    """

    wait: float | None = None


@dataclass
class NowhereError(FetchError):
    """No place has a source, or a file of one.

    Args:
        source: its directory in the duniverse.
        failures: what the places answered that could have had it.
    """

    source: str = ""
    failures: tuple[FetchError, ...] = ()


@dataclass
class SeveralError(FetchError):
    """Of ``wanted`` things these ``errors`` tell why they could not be had; the details are those of all."""

    errors: tuple[MonoError, ...] = ()
    wanted: int = 0


class DuniverseError(MonoError):
    code = "duniverse"


class TargetError(MonoError):
    code = "target"


class BuildError(MonoError):
    code = "build"


def told_of(what: str, place: str, error: MonoError) -> MonoError:
    """``error``, which is about a url say, as one about ``what`` at ``place``, which the user can change."""
    return replace(error, reason=f"{what} cannot be had: {error}", place=place)


def raise_together(what: str, errors: Sequence[MonoError]) -> None:
    """Raise nothing for no error, a single one as it is, and one that tells of all for several.

    Those that say the same are one.
    """
    errors = _each_once(errors)
    if not errors:
        return
    if len(errors) == 1:
        raise errors[0]
    raise type(errors[0])(f"{len(errors)} {what}", hint=hints_of(errors), details=details_of(errors))


def refuse_failed(errors: Sequence[MonoError], wanted: int) -> None:
    """As `raise_together` does, of things to be fetched that were ``wanted``, so many in all."""
    if len(_each_once(errors)) == 1:
        raise errors[0]
    if errors:
        errors = sorted(errors, key=str)
        raise SeveralError(
            f"{len(errors)} sources could not be fetched",
            hint=hints_of(errors),
            details=details_of(errors),
            errors=tuple(errors),
            wanted=wanted,
        )


def _each_once(errors: Iterable[MonoError]) -> Sequence[MonoError]:
    return list({(str(error), error.details): error for error in errors}.values())


def details_of(errors: Iterable[MonoError]) -> tuple[str, ...]:
    """Several errors as the details of one: each with its own details, further in, below it."""
    return tuple(
        line for error in errors for line in (str(error), *(f"  {detail}" for detail in error.details))
    )


def hints_of(errors: Iterable[MonoError]) -> str:
    """The hints of several errors as the hint of one, each of them once."""
    return "; ".join(dict.fromkeys(error.hint for error in errors if error.hint))
