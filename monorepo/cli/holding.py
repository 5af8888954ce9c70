"""What holds a package back, in few words."""

from __future__ import annotations

from collections.abc import Sequence

from monorepo.cli.formulas import plain
from monorepo.cli.needs import Places
from solver.holding import Held, Holding
from solver.nature import Nature
from solver.reduction import wanted_in
from solver.universe import Candidate, Rejection, Why

_MOST_OTHERS = 2


def holding_words(holding: Holding, name: str, places: Places) -> str:
    """One short line; ``name`` is the package that is held."""
    match holding.held:
        case Held.REJECTED:
            return _rejection(holding.rejections[0])
        case Held.UNAVAILABLE:
            return f"not available on {', '.join(holding.targets)}"
        case Held.REFUSED:
            assert holding.who is not None  # who refuses it
            return _refusal(holding.who, _need_of(holding, name), places.get((holding.who.name, name)))
        case Held.NEEDS:
            assert holding.who is not None  # what it needs another version of
            return f"needs {_need_of(holding, holding.who.name)}, not {holding.who.version}"
        case Held.LACKS:
            return _lack(holding)
        case Held.CONFLICTS:
            return f"conflicts with {_others([holding.who] if holding.who else [])}"
        case Held.TOGETHER:
            return f"does not go with {_others(holding.others)}"
        case Held.IMPOSSIBLE:
            return "what it needs cannot be had together"
        case Held.AVOIDED:
            flags = holding.who.package.flags if holding.who is not None else ()
            flagged = f"flagged {' and '.join(sorted({'avoid-version', 'deprecated'}.intersection(flags)))}"
            return f"needs {plain(str(holding.need))}, {flagged}" if holding.need is not None else flagged
        case Held.WISHES:
            return "the answer as a whole is better without"


def _need_of(holding: Holding, name: str) -> str:
    """What is needed of one package; that there are other ways is told without telling them."""
    assert holding.need is not None  # what it needs
    ways = list(wanted_in(holding.need))
    own = " & ".join(plain(str(way)) for way in ways if way.name == name)
    return own if all(way.name == name for way in ways) else f"{own} or the like"


def _refusal(who: Candidate, need: str, place: str | None) -> str:
    if who.nature is Nature.ROOT:
        return f"{who.name} needs {need}" + (f" ({place})" if place else "")
    return f"{who.name} {who.version} needs {need}"


def _rejection(rejection: Rejection) -> str:
    return plain(rejection.detail) if rejection.why is Why.RESTRICTED else rejection.why.value


def _lack(holding: Holding) -> str:
    assert holding.need is not None  # what it lacks
    need = plain(str(holding.need))
    if holding.rejections:
        return f"needs {need}, which {holding.rejections[0].why.value}"
    names = " or ".join(dict.fromkeys(wanted.name for wanted in wanted_in(holding.need)))
    return f"needs {need}, and no such {names} can be had"


def _others(candidates: Sequence[Candidate]) -> str:
    shown = [f"{candidate.name} {candidate.version}" for candidate in candidates[:_MOST_OTHERS]]
    more = len(candidates) - len(shown)
    return " and ".join(shown) + (f" and {more} more" if more else "")
