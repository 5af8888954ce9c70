"""What is taken out of a source because it would disturb the workspace around it, or version control.

Nothing of it takes part in building the source's packages: leavings of other builds, whole workspaces, and
fixtures of tests, which dune does not run in vendored sources.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from monorepo.duniverse.projects import Project, projects_in
from monorepo.duniverse.source_tree import PROJECT, SourceTree, join
from monorepo.fetch.tree import remove

REMOVED = ("_build", "_opam", ".git", "duniverse", "dune-workspace")
"""Removed from the top of every source, and of every project in it: what makes it a workspace of its own."""

_TEST_FOLDERS = frozenset({"test", "tests"})
_READ_BY_DUNE = frozenset({"dune", "dune-file", PROJECT})


def remove_intruders(top: Path) -> None:
    """Take out what `REMOVED` lists of the source at ``top``, before anything is added to it."""
    for name in REMOVED:
        remove(top / name)


def remove_all_intruders(top: Path, packages: Collection[str]) -> SourceTree:
    """The same once the source is complete, in each of its projects; repositories; and fixtures of tests.

    ``packages`` are those that are locked from it: where one of them is, there is no fixture. Gives what is
    left.
    """
    remove_intruders(top)
    tree = SourceTree(top)
    projects = projects_in(tree)
    inner = [
        join(project.folder, name)
        for project in projects
        for name in REMOVED
        if name in tree.files[project.folder] or join(project.folder, name) in tree.files
    ]
    repositories = [
        folder
        for folder, files in tree.files.items()
        if folder.rpartition("/")[2] == ".git" or ".git" in files
    ]
    fixtures = {*_cram_tests(tree), *_projects_of_tests(projects, packages)}
    files = list(_files_for_dune(tree, fixtures))
    if not (inner or repositories or files):
        return tree
    for path in files:
        (tree.top / path).unlink(missing_ok=True)
    for folder in repositories:
        remove(tree.top / folder if folder.endswith(".git") else tree.top / folder / ".git")
    for path in inner:
        remove(tree.top / path)
    return SourceTree(top)


def _cram_tests(tree: SourceTree) -> Iterator[str]:
    """Folders NAME.t with a run.t in it, in projects that have such tests.

    dune passes over them since 2.8; before, it read what is in them where another project is around it
    (https://github.com/ocaml/dune/issues/4001), and dune's own are meant to break.
    """
    for folder in tree.files:
        if "run.t" in tree.files[folder] and tree.is_cram_test(folder):
            yield folder


def _projects_of_tests(projects: Collection[Project], packages: Collection[str]) -> Iterator[str]:
    """Projects below a folder for tests with nothing locked in them, nor in any further below."""
    locked = [project.folder for project in projects if not project.packages.keys().isdisjoint(packages)]
    for project in projects:
        in_tests = not _TEST_FOLDERS.isdisjoint(project.folder.split("/"))
        if in_tests and not any(_is_below(folder, project.folder) for folder in locked):
            yield project.folder


def _files_for_dune(tree: SourceTree, tops: Collection[str]) -> Iterator[str]:
    """The files in ``tops`` and below that dune reads of itself, but for those behind links."""
    for folder, files in tree.files.items():
        if any(above in tops for above in _up_from(folder)) and not _behind_a_link(tree.top, folder):
            for name in files:
                if name in _READ_BY_DUNE or name.endswith(".opam"):
                    yield join(folder, name)


def _up_from(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _behind_a_link(top: Path, folder: str) -> bool:
    return (top / folder).resolve() != top / folder


def _is_below(folder: str, top: str) -> bool:
    return folder == top or folder.startswith(f"{top}/")
