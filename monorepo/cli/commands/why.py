"""``mono why``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import click

from monorepo.cli.needs import Places, needed, needing, places_at_hand, roles
from monorepo.cli.output import print_json, print_line, row_of
from monorepo.cli.settings import json_option, settings_of
from monorepo.cli.summary import package_row
from monorepo.cli.words import counted
from monorepo.lock.graph import Need, NeedGraph
from monorepo.lock.model import LockedPackage
from monorepo.lock.paths import Path, paths

_SHOWN = 20
_COUNTED = 1000
_DEPENDENTS = 10


@click.command("why", short_help="Tell why a package is in the lock.")
@click.argument("package")
@click.option("--target", "targets", metavar="TARGET", multiple=True, help="Look at this target alone.")
@click.option("--all", "show_all", is_flag=True, help=f"Show every path, not just the {_SHOWN} shortest.")
@json_option("Print an array with each version of the package.")
@click.pass_context
def command(
    context: click.Context, package: str, targets: tuple[str, ...], show_all: bool, as_json: bool
) -> None:
    """Tell what PACKAGE is, and how the project comes to need it.

    Every path from a root is shown, the shortest first, with the condition on each step and the line of the
    root's opam file. All else is read from mono.lock alone.
    """
    from monorepo.lock.reader import load_lock

    settings = settings_of(context)
    graph = NeedGraph(load_lock(settings.directory), targets)
    found = graph.find(package, f"mono why-not {package} tells what keeps it out")
    most_named = None if show_all or settings.verbose else _DEPENDENTS
    view = _View(graph, places_at_hand(settings), None if show_all else _SHOWN, most_named)
    if as_json:
        print_json([view.row(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        view.tell(one, styled=settings.styled(1))


class _View:
    """The paths of a lock: of each package at most so many, and so many names of what else needs it."""

    def __init__(self, graph: NeedGraph, places: Places, most: int | None, most_named: int | None) -> None:
        self.graph = graph
        self.places = places
        self.most = most
        self.most_named = most_named

    def tell(self, package: LockedPackage, *, styled: bool) -> None:
        name = click.style(f"{package.name} {package.version}", bold=True)
        print_line(f"{name}, {package.kind}: {package.reason}", styled=styled)
        print_line("; ".join(roles(package)), styled=styled)
        click.echo()
        all_paths = paths(self.graph, package)
        named: set[str] = set()
        for path in islice(all_paths, self.most):
            named.update(need.who.identity for need in path[-1:] if need.who is not None)
            steps = [needed(need, self.graph.lock, self.places) for need in path]
            _print_row(steps, " ->")
        more = sum(1 for _ in islice(all_paths, _COUNTED))
        others = [n for n in self.graph.needed_by(package) if n.who and n.who.identity not in named]
        if others:
            dependents = [needing(need, self.graph.lock) for need in others[: self.most_named]]
            if len(others) > len(dependents):
                dependents.append(f"and {len(others) - len(dependents)} more")
            _print_row(dependents, ",", "needed as well by ")
        if more:
            least = "at least " if more == _COUNTED else ""
            click.echo(f"{least}{counted(more, 'more path')}: --all shows them")

    def row(self, package: LockedPackage) -> dict[str, object]:
        """``more`` counts the paths that are not among ``paths``, up to a thousand."""
        all_paths = paths(self.graph, package)
        shown = [self._path(path) for path in islice(all_paths, self.most)]
        return package_row(package) | {
            "reason": package.reason,
            "paths": shown,
            "more": sum(1 for _ in islice(all_paths, _COUNTED)),
            "dependents": [
                {"name": need.who.name, "version": need.who.version, "condition": need.wording}
                for need in self.graph.needed_by(package)
                if need.who is not None
            ],
        }

    def _path(self, path: Path) -> list[dict[str, object]]:
        return [self._step(need) for need in path]

    def _step(self, need: Need) -> dict[str, object]:
        place = self.places.get((need.who.name, need.whom.name)) if need.who is not None else None
        return {
            "name": need.whom.name,
            "version": need.whom.version,
            "condition": need.wording,
            "targets": list(need.targets),
            "source": need.source.name.lower(),
            "place": place,
        }


def _print_row(parts: Sequence[str], sign: str, before: str = "") -> None:
    for line in row_of(parts, sign, before):
        click.echo(line)
