"""One build: dune runs in a room, what it used is judged, and its artefacts are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.account import Account, take_account
from builder.artefacts import Artefact, take_artefacts
from builder.dune import run_dune
from builder.outside import refuse_libraries_from_outside
from builder.preparation import Prepared, Stopwatch
from builder.rooms import Conditions, Room, plain_room
from builder.sandbox import sandboxed_room

ARTEFACTS = "artefacts"


@dataclass(frozen=True, slots=True)
class Built:
    """Artefacts that wait in a folder of their own, how dune made them, and the seconds of each step."""

    artefacts: tuple[Artefact, ...]
    build_folder: Path
    account: Account
    durations: Mapping[str, float]


def build_once(prepared: Prepared, project: Path, work: Path, log: Path, conditions: Conditions) -> Built:
    """Build ``project``, which may be a copy; all that is made is in ``work``, what dune says in ``log``.

    Raises:
        BuilderError: dune fails, it used what it may not, or an artefact is missing or not as it should be.
    """
    context, installation = prepared.context, prepared.installation
    watch = Stopwatch()
    room = enter(prepared, project, work, conditions)
    prepared.wishes.report(
        f"building {context.target} with dune {installation.version_of('dune')} and "
        f"OCaml {installation.version_of('ocamlopt')}, {prepared.manner}"
    )
    take_account(room, work)  # of a build that was killed before it could
    run_dune(context, room, context.dune.arguments, conditions, log)
    account = take_account(room, work)
    refuse_libraries_from_outside(context, installation, account)
    watch.lap("dune")
    artefacts = take_artefacts(context, installation, room, work / ARTEFACTS)
    watch.lap("artefacts")
    return Built(artefacts, room.build_folder, account, watch.laps)


def enter(prepared: Prepared, project: Path, work: Path, conditions: Conditions) -> Room:
    """The room to build ``project`` in, of the kind that was wished for."""
    context, installation = prepared.context, prepared.installation
    if prepared.bubblewrap is None:
        return plain_room(context, installation, project, work, conditions)
    return sandboxed_room(context, installation, project, work, prepared.bubblewrap, conditions)
