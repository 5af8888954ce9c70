"""Many failures to fetch in few words: what failed for one cause is told together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monorepo.cli.formulas import few
from monorepo.cli.words import counted
from monorepo.errors import FetchError, MonoError, NowhereError, SeveralError, details_of, hints_of
from monorepo.fetch.places import ELSEWHERE


def in_few_words(error: SeveralError) -> FetchError:
    """``error`` with each common cause told once, and in full what failed for a reason of its own.

    A cause is common where several sources have it and it is the servers', whatever they were asked for.
    """
    together: dict[tuple[str, ...], list[NowhereError]] = {}
    alone: dict[str, MonoError] = {}
    for one in error.errors:
        if not isinstance(one, NowhereError):
            alone.setdefault(one.reason, one)  # the cache is full, say, wherever in it there was no room
        elif one.failures and all(answer.host for answer in one.failures):
            together.setdefault(_reasons(one), []).append(one)
        else:
            alone[str(one)] = one
    for reasons, concerned in list(together.items()):
        if len(concerned) == 1:
            alone[str(concerned[0])] = together.pop(reasons)[0]
    rest = sorted(alone.values(), key=str)
    lines = [line for concerned in together.values() for line in _lines(concerned)]
    told = f"{len(error.errors)} of {error.wanted} sources could not be fetched"
    if len(error.errors) == error.wanted:
        told = "nothing could be fetched"
    if len(lines) == 2 and not rest:
        told, lines = f"{told}: {lines[0]}", [lines[1].lstrip()]
    answers = [answer for concerned in together.values() for one in concerned for answer in one.failures]
    hints = [hints_of(answers) or ELSEWHERE] if together else []
    hints += dict.fromkeys(one.hint for one in rest if one.hint)
    return FetchError(
        told,
        hint="; ".join((*hints, "with -v each is told")),
        details=(*lines, *details_of(rest)),
    )


def _reasons(one: NowhereError) -> tuple[str, ...]:
    return tuple(sorted({answer.reason for answer in one.failures}))


def _lines(concerned: Sequence[NowhereError]) -> Iterator[str]:
    """What failed at which servers, and the sources that could not be had for that."""
    for reason in _reasons(concerned[0]):
        answers = [answer for one in concerned for answer in one.failures if answer.reason == reason]
        yield f"{reason} ({few(sorted({answer.host for answer in answers}))})"
    sources = sorted({one.source for one in concerned})
    yield f"  {counted(len(sources), 'source')}: {few(sources)}"
