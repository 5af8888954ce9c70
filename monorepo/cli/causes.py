"""Causes of a change in a lock, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monorepo.cli.formulas import plain
from monorepo.lock.causes import Because, Cause, Causes
from monorepo.lock.difference import Difference
from monorepo.lock.model import Kind, LockedPackage

_SHOWN = 2


def cause_lines(causes: Iterable[Cause]) -> list[str]:
    """The first causes, and how many more there are."""
    lines = list(dict.fromkeys(map(_in_words, causes)))
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"and {more} more like this"] if more > 0 else lines


def change_rows(difference: Difference, causes: Causes) -> Iterator[dict[str, object]]:
    """Every change of a package, for a script."""
    for package in difference.added:
        yield _row("added", None, package, causes.of_added(package))
    for package in difference.removed:
        yield _row("removed", package, None, causes.of_removed(package))
    for was, now in difference.updated:
        yield _row("updated", was, now, causes.of_updated(was, now))
    for was, now in difference.recorded:
        yield _row("recorded", was, now, causes.of_recorded(was, now))


def _row(
    change: str, was: LockedPackage | None, now: LockedPackage | None, causes: Iterable[Cause]
) -> dict[str, object]:
    package = now or was
    assert package is not None  # one of the two is there
    told = [{"because": cause.because.name.lower(), "text": _in_words(cause)} for cause in causes]
    return {
        "name": package.name,
        "change": change,
        "before": was.version if was is not None else None,
        "after": now.version if now is not None else None,
        "causes": told,
    }


def _in_words(cause: Cause) -> str:
    who = f"{_who(cause.now or cause.was)}{_since(cause)}"
    text = f" {plain(cause.text)}" if cause.text else ""
    match cause.because:
        case Because.ASKED if cause.now is None:
            return f"target{text} asks for it" if text else "it is asked for on every target"
        case Because.ASKED:
            return f"{who} asks for it{text}"
        case Because.NEEDED:
            return f"needed by {who}"
        case Because.TARGET:
            return f"target{text} is {'new' if cause.was is None else 'gone'}"
        case Because.NOT_ASKED if cause.now is None:
            return f"target{text} asks for it no more" if text else "it is asked for no more"
        case Because.NOT_ASKED:
            return f"{who} asks for it no more"
        case Because.NOT_NEEDED if cause.now is None:
            return f"nobody needs it any more: {_who(cause.was)} is gone"
        case Because.NOT_NEEDED:
            return f"{who} needs it no more"
        case Because.REFUSED:
            return f"{who}{text}"
        case Because.UNFIT:
            return f"{_who(cause.was)}{text}"
        case Because.UNAVAILABLE:
            return f"{_who(cause.was)} is not available on{text}"
        case Because.BOUND:
            return f"the project allows only{text}"
        case Because.FREED:
            return _freed(cause)
        case Because.UNBOUND:
            return f"the project's bound{text} is gone"
        case Because.REPOSITORY:
            return f"the repository{text} moved"
        case Because.NEWER:
            return "a newer version was taken"
        case Because.OLDER:
            return "an older version was taken, which nothing else in the lock asks for"
        case Because.APART if cause.was is None:
            return "no one version of it will do for all targets any more"
        case Because.APART:
            return "fewer versions of it will do for all targets"
        case Because.METADATA:
            return f"its opam file changed{':' if text else ''}{text}"
        case Because.ROLE:
            return _role(cause)


def _who(package: LockedPackage | None) -> str:
    if package is None:
        return ""
    return package.name if package.kind is Kind.ROOT else f"{package.name} {package.version}"


def _since(cause: Cause) -> str:
    """What is new about the package that a cause speaks of."""
    was, now = cause.was, cause.now
    if now is None or now.kind is Kind.ROOT:
        return ""
    if was is None:
        return " (new)"
    if was.version == now.version:
        return " (other opam file)" if was.depends != now.depends else ""
    return f" (was {was.version})"


def _freed(cause: Cause) -> str:
    text = plain(cause.text)
    if cause.now is None:
        return f"{_who(cause.was)}, which {text}, is gone"
    if cause.was is not None and cause.was.version == cause.now.version:
        return f"{_who(cause.now)} {text} no more"
    return f"{_who(cause.was)} {text}, and {_who(cause.now)} does not"


def _role(cause: Cause) -> str:
    was, now = cause.was, cause.now
    assert was is not None and now is not None  # the same package before and after
    if was.kind is not now.kind:
        return f"{was.kind} -> {now.kind}"
    parts = []
    for words, old, new in (
        ("the program", was.targets, now.targets),
        ("the machine that builds", was.host_for, now.host_for),
    ):
        parts += [f"{words} for {name} needs it now" for name in new if name not in old]
        parts += [f"{words} for {name} needs it no more" for name in old if name not in new]
    return "; ".join(parts)
