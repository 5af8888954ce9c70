"""What dune would refuse of a duniverse as a whole, said before any build.

dune wants every package, and every public library, defined once in a workspace. A public library is named
after a package of its own project, so two sources can define one library only if both define its package,
or if one defines it as the old name of a library (``deprecated_package_names``): these two cases are looked
for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.expose import Shown, place_of_library
from monorepo.duniverse.projects import own_packages
from monorepo.errors import DuniverseError, raise_together
from monorepo.lock.model import Lock


def refuse_clashes(lock: Lock, shown: Mapping[str, Shown], folder: Path, project: Path) -> None:
    """Refuse what dune cannot build side by side.

    Args:
        shown: by directory, what each source of ``lock`` shows to dune.
        folder: where these directories are: duniverse/ or what is to become it.
        project: the folder with the roots, which define packages of their own.

    Raises:
        DuniverseError: a package or library is defined twice, or a source is written for a newer dune.
    """
    problems: dict[str, DuniverseError] = {}
    for dune, directories in _views(lock):
        seen = {directory: shown[directory] for directory in directories}
        for problem in (
            *_packages_twice(lock, seen, project),
            *_libraries_twice(lock, seen, folder),
            *_above_the_locked_dune(lock, seen, dune),
        ):
            problems.setdefault(str(problem), problem)
    raise_together("things keep the sources from being built together", list(problems.values()))


def _views(lock: Lock) -> Mapping[tuple[str, tuple[str, ...]], None]:
    """The version of dune ("" for none) and the directories that each target sees, without repetition."""
    views: dict[tuple[str, tuple[str, ...]], None] = {}
    for target in lock.targets:
        dune = lock.package("dune", target.name)
        seen = (s.directory for s in lock.sources if not s.targets or target.name in s.targets)
        views[dune.version if dune else "", tuple(seen)] = None
    return views


def _packages_twice(lock: Lock, shown: Mapping[str, Shown], project: Path) -> Iterator[DuniverseError]:
    own = {**dict.fromkeys(lock.roots, "mono.lock"), **own_packages(project)}
    seen: dict[str, tuple[str | None, str]] = {name: (None, place) for name, place in own.items()}
    for directory, about in sorted(shown.items()):
        for name, inner in sorted(about.packages.items()):
            place = _place(directory, inner)
            other, first = seen.setdefault(name, (directory, place))
            if other is None:
                yield DuniverseError(
                    f"a source defines the project's own package {name} as well: {first} and {place}",
                    place=place,
                    hint=f"rename it in the project, or do without {_packages(lock, directory)}",
                    details=_sources(lock, directory),
                )
            elif other != directory:
                yield _twice("package", name, (other, first), (directory, place), lock)


def _libraries_twice(lock: Lock, shown: Mapping[str, Shown], folder: Path) -> Iterator[DuniverseError]:
    """Old names of libraries, which may be those of a package in another source."""
    for directory, about in sorted(shown.items()):
        for name, inner in sorted(about.libraries.items()):
            for other, others in sorted(shown.items()):
                if other == directory:
                    continue
                place = others.libraries.get(name) if other > directory else None
                if name.partition(".")[0] in others.packages:
                    place = place_of_library(folder / other, name)
                if place:
                    first, second = (directory, _place(directory, inner)), (other, _place(other, place))
                    yield _twice("library", name, first, second, lock)


def _twice(
    what: str, name: str, first: tuple[str, str], second: tuple[str, str], lock: Lock
) -> DuniverseError:
    return DuniverseError(
        f"two sources define the {what} {name}: {first[1]} and {second[1]}",
        place=second[1],
        hint="constrain the versions so that one archive carries the packages of both",
        details=_sources(lock, first[0], second[0]),
    )


def _above_the_locked_dune(lock: Lock, shown: Mapping[str, Shown], dune: str) -> Iterator[DuniverseError]:
    """dune reads the language of its own version and of every one before, in vendored projects too."""
    number = re.match(r"(\d+)\.(\d+)", dune)
    if number is None:
        return
    for directory, about in sorted(shown.items()):
        if about.language > (int(number[1]), int(number[2])):
            wanted = ".".join(map(str, about.language))
            yield DuniverseError(
                f"(lang dune {wanted}) is above the locked dune, which is {dune}",
                place=_place(directory, about.language_place),
                hint=f'lock with constraints = ["dune {{>= \\"{wanted}\\"}}"], '
                f"or with an older version of {_packages(lock, directory)}",
                details=_sources(lock, directory),
            )


def _place(directory: str, inner: str) -> str:
    return f"{DUNIVERSE}/{directory}/{inner}"


def _packages(lock: Lock, directory: str) -> str:
    return ", ".join(
        name for source in lock.sources if source.directory == directory for name in source.packages
    )


def _sources(lock: Lock, *directories: str) -> tuple[str, ...]:
    return tuple(
        f"{DUNIVERSE}/{source.directory} is {', '.join(source.packages)} from {source.url}"
        for source in lock.sources
        if source.directory in directories
    )
