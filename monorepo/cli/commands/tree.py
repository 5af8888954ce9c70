"""``mono tree``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monorepo.cli.needs import marks
from monorepo.cli.output import print_json
from monorepo.cli.settings import json_option, settings_of
from monorepo.cli.summary import package_row
from monorepo.lock.graph import NeedGraph, Source
from monorepo.lock.model import LockedPackage
from monorepo.lock.tree import Branch, tree


@click.command("tree", short_help="Show the packages of the lock as a tree.")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--invert", is_flag=True, help="Show below each package what needs it.")
@click.option("--target", "targets", metavar="TARGET", multiple=True, help="Look at this target alone.")
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Go no deeper than N needs.")
@json_option("Print an array of lines, each with its depth.")
@click.pass_context
def command(
    context: click.Context,
    packages: tuple[str, ...],
    invert: bool,
    targets: tuple[str, ...],
    depth: int | None,
    as_json: bool,
) -> None:
    """Show what each PACKAGE needs, or each root where none is named, as a tree.

    What is below a package is shown once; "(*)" stands for it where the package comes again. Marks are the
    kind of what is not vendored, and "host" for what only the machine that builds needs.
    """
    from monorepo.lock.reader import load_lock

    if invert and not packages:
        raise click.UsageError("--invert of what? name a package", context)
    settings = settings_of(context)
    graph = NeedGraph(load_lock(settings.directory), targets)
    branches = tree(graph, _starts(graph, packages), inverted=invert, depth=depth)
    if as_json:
        print_json([_row(branch) for branch in branches])
        return
    faint = settings.talk().faint
    for branch in branches:
        words = [branch.package.name, branch.package.version]
        told = marks(branch.package)
        words += [faint(f"[{', '.join(told)}]")] if told else []
        words += [faint("(*)")] if branch.repeated else []
        click.echo(_lines_before(branch) + " ".join(words), color=settings.styled(1))


def _starts(graph: NeedGraph, words: Sequence[str]) -> list[LockedPackage]:
    if not words:
        wanted = (n.whom for n in graph.entries if n.source is Source.ROOT or not graph.needed_by(n.whom))
        return list({package.identity: package for package in wanted}.values())
    return [package for word in words for package in graph.find(word, f"mono why-not {word} tells more")]


def _lines_before(branch: Branch) -> str:
    if not branch.last:
        return ""
    before = "".join("    " if last else "│   " for last in branch.last[:-1])
    return before + ("└── " if branch.last[-1] else "├── ")


def _row(branch: Branch) -> dict[str, object]:
    return {
        "depth": branch.depth,
        **package_row(branch.package),
        "condition": branch.need.wording if branch.need is not None else "",
        "repeated": branch.repeated,
    }
