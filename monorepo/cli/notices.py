"""Notices of a lock in words and as JSON."""

from __future__ import annotations

from monorepo.cli.formulas import few, series
from monorepo.lock.notices import Apart, Idle, LeftOut, Notice, PassedOver, Timeless, Unheard
from monorepo.manifest import FILE


def notice_line(notice: Notice) -> str:
    """One line, the place first where there is one."""
    told = _in_words(notice)
    return f"{notice.place}: {told}" if notice.place else told


def notice_row(notice: Notice) -> dict[str, object]:
    """The same for a script."""
    return {"code": notice.code, "place": notice.place, "text": _in_words(notice)}


def _in_words(notice: Notice) -> str:
    match notice:
        case Unheard(name, near):
            meant = f": did you mean {series(near, 'or')}?" if near else ""
            return f"no repository has a package {name}{meant}"
        case LeftOut(names, variables):
            are = "is" if len(names) == 1 else "are"
            have = "variable {} has" if len(variables) == 1 else "variables {} have"
            why = f"as the {have.format(series(variables))} no value"
            return f"{few(names)} {are} left out, {why}; {FILE} can give one under [variables]"
        case Idle(targets):
            return (
                f"no root depends on mirage-runtime: for {series(targets)} the toolchain alone is asked for, "
                "and none of MirageOS's libraries"
            )
        case PassedOver(name, version, reason):
            return f"passed over {name} {version}, which cannot be read: {reason}"
        case Apart(name, versions):
            told = ", ".join(f"{version} for {' '.join(targets)}" for version, targets in versions)
            return f"no one version of {name} will do for all targets: {told}"
        case Timeless(repository):
            return f'repository "{repository}" is not in git and has no older state: it is taken as it is now'
