"""What holds a package back, in few words."""

from __future__ import annotations

from collections.abc import Sequence

from monorepo.cli.formulas import plain
from monorepo.cli.needs import Places
from solver.holding import Held, Holding
from solver.nature import Nature
from solver.reduction import Need, wanted_in
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
        case Held.CONTRADICTED:
            assert holding.who is not None and holding.against is not None  # the two that disagree
            (about,) = {wanted.name for wanted in wanted_in(holding.against)}
            place = places.get((holding.who.name, about))
            refusal = _refusal(holding.who, _written(holding.against, about), place)
            return f"needs {_need_of(holding, about)}, and {refusal}"
        case Held.LACKS:
            return _lack(holding)
        case Held.CONFLICTS:
            return f"conflicts with {_others([holding.who] if holding.who else [])}"
        case Held.TOGETHER:
            return f"does not go with {_others(holding.others)}"
        case Held.IMPOSSIBLE:
            return "what it needs cannot be had together"
        case Held.AVOIDED:
            assert holding.who is not None  # what is to be avoided
            flags = holding.who.package.flags
            flagged = f"flagged {' and '.join(sorted({'avoid-version', 'deprecated'}.intersection(flags)))}"
            if holding.need is None:
                return f"goes only with {_others([holding.who])}, {flagged}"
            return f"needs {_need_of(holding, holding.who.name)}, {flagged}"
        case Held.WISHES:
            return "the answer as a whole is better without"


def _need_of(holding: Holding, name: str) -> str:
    """What is needed of one package; that there are other ways is told without telling them."""
    assert holding.need is not None  # what it needs
    return _written(holding.need, name)


def _written(need: Need, name: str) -> str:
    ways = list(wanted_in(need))
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
    names = list(dict.fromkeys(wanted.name for wanted in wanted_in(holding.need)))
    if len(names) > _MOST_OTHERS:
        return f"needs {_written(holding.need, names[0])}, and none of that can be had"
    need = plain(str(holding.need))
    for rejection in holding.rejections[:1]:
        if rejection.why is Why.RESTRICTED:
            return f"needs {need}, and the project allows only {plain(rejection.detail)}"
        return f"needs {need}, which {rejection.why.value}"
    return f"needs {need}, and no such {' or '.join(names)} can be had"


def _others(candidates: Sequence[Candidate]) -> str:
    shown = [f"{candidate.name} {candidate.version}" for candidate in candidates[:_MOST_OTHERS]]
    more = len(candidates) - len(shown)
    return " and ".join(shown) + (f" and {more} more" if more else "")
