"""mono.toml: what a project asks for, and what holds where it says nothing (docs/mono-toml.md)."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monorepo.document import Table, decode, line_of, line_of_text, nearest_hint, read_document, refusing
from monorepo.errors import ManifestError, TargetError
from monorepo.mirage import Unikernel, configured_roots, read_unikernel
from monorepo.repository_url import ImpossibleUrlError, RepositorySetting, repository_setting
from monorepo.targets.definition import Target
from monorepo.targets.reader import define_target, load_target
from solver.formula import AllOf, AnyOf, Condition, Value
from solver.formula import Text as FilterText
from solver.request import Restriction

FILE = "mono.toml"

DEFAULT_REPOSITORIES = (
    ("dune-universe", "git+https://github.com/dune-universe/opam-overlays.git"),
    ("opam", "git+https://github.com/ocaml/opam-repository.git"),
)
"""Name and url, the first first: dune ports before what they are ports of."""

DEFAULT_TARGETS = ("host",)

_SKIPPED_FOLDERS = frozenset({"_build", "_opam", "duniverse", "contexts", "node_modules"})
_PACKAGE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_+-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_INTERFACE = re.compile(r"https?://[^/\s@?#]+(?:/[^\s?#]*)?")
_MIRROR = re.compile(r"file:///\S+|https?://[^/\s@]+(?:/\S*)?|[^:\s]+")


@dataclass(frozen=True, slots=True)
class Root:
    """One of the project's own packages; ``file`` is its opam file, relative to the project, with ``/``."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a project asks for.

    Args:
        project: its name; that of the first root where mono.toml has none.
        roots: sorted by name.
        repositories: the first wins for one ``name.version``.
        ocaml: the bound on the compiler, None where there is none.
        constraints: the user's bounds on packages, in the order written.
        provided: names installed outside, sorted.
        unverified: names whose archives need no checksum, sorted.
        named: each name of these two, and the file and line that it is on.
        unikernel: what mirage configured, where it wrote the opam file of a root.
        variables: opam variables for every target, sorted by name.
        targets: to lock and build for, complete, sorted by name.
        archive_mirrors: base urls in opam's cache layout, in the order they are asked.
        software_heritage: the base url of an interface of Software Heritage, empty where none is to be asked.
        stated: the keys that mono.toml itself has, dotted (``solve.provided``): what a root's opam file says
            may fill in the others.
    """

    project: str
    roots: tuple[Root, ...]
    repositories: tuple[RepositorySetting, ...]
    targets: tuple[Target, ...]
    ocaml: Restriction | None = None
    constraints: tuple[Restriction, ...] = ()
    provided: tuple[str, ...] = ()
    variables: tuple[tuple[str, Value], ...] = ()
    archive_mirrors: tuple[str, ...] = ()
    software_heritage: str = ""
    unverified: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    stated: frozenset[str] = frozenset()
    unikernel: Unikernel | None = None

    @property
    def consulted(self) -> tuple[str, ...]:
        """The project's files that the answer depends on, whether they are there or not."""
        looked_at = () if self.unikernel is None else self.unikernel.consulted
        return tuple(sorted({*(root.file for root in self.roots), *looked_at}))

    @property
    def searched(self) -> bool:
        """Whether roots were looked for in the whole tree, not at its top alone."""
        return "project.roots" in self.stated or any("/" in root.file for root in self.roots)

    @property
    def restrictions(self) -> tuple[Restriction, ...]:
        """Every bound, the compiler's first."""
        return (self.ocaml, *self.constraints) if self.ocaml else self.constraints

    @property
    def digest_material(self) -> bytes:
        """What a lock depends on here, in one form: comments, order of keys and spelling do not count."""
        meaning = {
            "project": self.project,
            "roots": [[root.name, root.file] for root in self.roots],
            "repositories": [[repository.name, repository.url] for repository in self.repositories],
            "restrictions": [[restriction.name, restriction.text] for restriction in self.restrictions],
            "provided": self.provided,
            "variables": self.variables,
            "targets": [_told(target) for target in self.targets],
            "archive-mirrors": self.archive_mirrors,
            "stated": sorted(self.stated),
            **({"software-heritage": self.software_heritage} if self.software_heritage else {}),
            **({"unverified": self.unverified} if self.unverified else {}),
        }
        return json.dumps(meaning, sort_keys=True, default=str).encode("ascii")


def _told(target: Target) -> dict[str, object]:
    """What a target says; a key that a later mono knows and this target does not use changes nothing."""
    return {key: value for key, value in asdict(target).items() if value}


def load_manifest(folder: Path) -> Manifest:
    """The manifest of the project in ``folder``; with no mono.toml there, the defaults.

    Raises:
        ManifestError: mono.toml is no TOML, has an unknown key, a wrong type or an impossible value, or asks
            for another mono; or a root has no opam file in the tree.
    """
    path = folder / FILE
    if not path.exists():
        return _manifest(Table({}), "", folder)
    text = decode(path.read_bytes(), FILE, ManifestError)
    top = read_document(text, FILE, ManifestError)
    with refusing(ManifestError, text, FILE):
        return _manifest(top, text, folder)


def place_of(folder: Path, *path: str) -> str:
    """The file and line of a key of mono.toml, the file alone where it has no such key."""
    try:
        text = (folder / FILE).read_bytes().decode("utf-8")
        inner: Any = tomllib.loads(text)
        for key in path:
            inner = inner[key]
    except (OSError, ValueError, KeyError):
        return FILE
    return f"{FILE}:{line_of(text, path)}"


_BARE = re.compile(r"""\{\s*([0-9][^\s"{}&|()]*)\s*\}""")
"""A version alone where a bound should stand."""
_UNBRACED = re.compile(r"\s*([^\s{}<>=!]+)\s*([<>=!][^{}]*)")
"""A bound without its braces."""


def parse_constraint(text: str, place: str) -> Restriction:
    """A bound such as ``lwt {>= "5.6" & < "6"}``; a version may go without its quotes.

    Raises:
        ManifestError: it does not read as one package with a condition in braces; at ``place``.
    """
    return _restriction(text, place, text, 'lwt {>= "5.6" & < "6"}')


def _restriction(text: str, place: str, written: str, example: str) -> Restriction:
    """``text`` as a restriction; an error shows what was ``written`` and an ``example``."""
    from overlays.errors import OpamSyntaxError
    from overlays.notation import parse_dependency

    try:
        dependency = parse_dependency(text, place)
    except OpamSyntaxError as error:
        if alone := _BARE.search(text):
            raise _compares_with_nothing(written, alone[1], place) from None
        if unbraced := _UNBRACED.fullmatch(text):
            example = f"{unbraced[1]} {{{unbraced[2]}}}"
        reason = f'"{written}" is no bound in opam\'s syntax: {error.reason}'
        raise ManifestError(reason, place, f"write it as in {example}") from None
    if dependency.condition is None:
        hint = f"write it as in {example}; dependencies belong in an opam file"
        raise ManifestError(f'"{written}" bounds nothing', place, hint)
    bare = bare_version(dependency.condition)
    if bare is not None:
        raise _compares_with_nothing(written, bare, place)
    return Restriction(dependency.name, dependency.condition, text, place)


def _compares_with_nothing(written: str, version: str, place: str) -> ManifestError:
    hint = f"write = {version}, or >= {version}"
    return ManifestError(f'"{written}" compares {version} with nothing', place, hint)


def bare_version(condition: Condition) -> str | None:
    """A version that stands where a bound should; as a filter it would be neither true nor false."""
    match condition:
        case FilterText(text):
            return text
        case AllOf(parts) | AnyOf(parts):
            return next((bare for part in parts if (bare := bare_version(part)) is not None), None)
        case _:
            return None


def _manifest(top: Table, text: str, folder: Path) -> Manifest:
    """What ``top`` says, complete; raises `UnacceptableError` for what is written in it."""
    # First of all: a mono that is too old knows too few keys to judge the rest.
    _require_mono(top)
    top.only("requires-mono", "project", "repositories", "solve", "variables", "targets", "mirrors")
    project, solve, mirrors = top.table("project"), top.table("solve"), top.table("mirrors")
    project.only("name", "roots")
    solve.only("ocaml", "constraints", "provided", "unverified")
    mirrors.only("archives", "software-heritage")
    roots = _roots(project, folder)
    unikernel = _unikernel(roots, folder)
    return Manifest(
        project=_project_name(project) or roots[0].name,
        roots=roots,
        repositories=_repositories(top, folder),
        ocaml=_ocaml(solve, text),
        constraints=_constraints(solve, text),
        provided=tuple(sorted(_package_names(solve, "provided"))),
        variables=_variables(top.table("variables")),
        targets=_targets(top.table("targets"), unikernel),
        archive_mirrors=_archive_mirrors(mirrors),
        software_heritage=_software_heritage(mirrors),
        unverified=tuple(sorted(_package_names(solve, "unverified"))),
        named=tuple(_named(solve, text)),
        stated=frozenset(_stated(top)),
        unikernel=unikernel,
    )


def _require_mono(top: Table) -> None:
    wanted = top.text_or_none("requires-mono")
    if wanted is None:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    from monorepo import __version__

    try:
        accepted = SpecifierSet(wanted)
    except InvalidSpecifier:
        hint = 'write a range as Python does, as in ">=0.1,<2" (PEP 440)'
        raise top.unacceptable("requires-mono", f'"{wanted}" is no range of versions', hint) from None
    if not accepted.contains(__version__, prereleases=True):
        reason = f"this project asks for mono {wanted}, and this is mono {__version__}"
        raise top.unacceptable("requires-mono", reason, "install a mono in that range")


def _project_name(project: Table) -> str | None:
    name = project.text_or_none("name")
    if name is not None and not _NAME.fullmatch(name):
        hint = "use letters, digits, dashes, dots, underscores and plus signs, a letter or digit first"
        raise project.unacceptable("name", f'"{name}" cannot name a project', hint)
    return name


def _roots(project: Table, folder: Path) -> tuple[Root, ...]:
    names = _package_names(project, "roots")
    if "roots" in project and not names:
        raise project.unacceptable(
            "roots", "a project has at least one root", "name a package, or leave roots out"
        )
    if not names:
        return _roots_at_top(folder)
    files: dict[str, list[str]] = {}
    for file in sorted(opam_files(folder)):
        files.setdefault(_package_of(file), []).append(file)
    for position, name in enumerate(names):
        if name not in files:
            hint = nearest_hint(name, files)
            raise project.unacceptable(("roots", position), f"there is no {name}.opam in the tree", hint)
        if len(files[name]) > 1:
            reason = f"{name} has more than one opam file: {', '.join(files[name])}"
            raise project.unacceptable(("roots", position), reason, "keep one of them")
    return tuple(Root(name, files[name][0]) for name in sorted(names))


def _roots_at_top(folder: Path) -> tuple[Root, ...]:
    names = sorted(path.stem for path in folder.glob("*.opam") if path.is_file() and path.stem)
    if not names:
        configured = configured_roots(folder, sorted(opam_files(folder)))
        if len(configured) == 1:
            return (Root(_package_of(configured[0]), configured[0]),)
        if configured:
            raise ManifestError(
                f"mirage configured more than one unikernel here: {', '.join(configured)}",
                "",
                f'name one in {FILE}: [project] roots = ["{_package_of(configured[0])}"]',
            )
        hint = f"write an opam file, or name roots that are further down in {FILE}: [project] roots = […]"
        raise ManifestError("there is no opam file here", "", hint)
    for name in names:
        if not _is_package(name):
            raise ManifestError(f'"{name}" cannot name a package', f"{name}.opam:1", "rename the file")
    return tuple(Root(name, f"{name}.opam") for name in names)


def _unikernel(roots: tuple[Root, ...], folder: Path) -> Unikernel | None:
    found = [one for root in roots if (one := read_unikernel(folder, root.file)) is not None]
    if len(found) > 1:
        raise ManifestError(
            f"mirage configured both {found[0].root} and {found[1].root}, and a project builds one unikernel",
            found[1].file,
            f"keep one of them in [project] roots of {FILE}",
        )
    return found[0] if found else None


def opam_files(folder: Path) -> Iterator[str]:
    """Every opam file of the tree, relative, with ``/``; not of built, vendored or hidden folders."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS]
        for name in files:
            if name.endswith(".opam"):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _package_of(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".opam")


def _repositories(top: Table, folder: Path) -> tuple[RepositorySetting, ...]:
    if "repositories" not in top:
        return tuple(repository_setting(name, url, folder) for name, url in DEFAULT_REPOSITORIES)
    tables = top.tables("repositories")
    if not tables:
        raise top.unacceptable(
            "repositories", "there is nothing to choose from", "name a repository, or leave this out"
        )
    settings: dict[str, RepositorySetting] = {}
    for table in tables:
        table.only("name", "url")
        name, url = table.text("name"), table.text("url")
        if not _NAME.fullmatch(name):
            raise table.unacceptable(
                "name", f'"{name}" cannot name a repository', "use letters, digits, dashes and dots"
            )
        if name in settings:
            raise table.unacceptable("name", f'there are two repositories called "{name}"')
        try:
            settings[name] = repository_setting(name, url, folder)
        except ImpossibleUrlError as error:
            raise table.unacceptable("url", error.reason, error.hint) from None
    return tuple(settings.values())


def _ocaml(solve: Table, text: str) -> Restriction | None:
    bound = solve.text_or_none("ocaml")
    if bound is None:
        return None
    place = f"{FILE}:{line_of_text(text, ('solve', 'ocaml'), bound)}"
    return _restriction(f"ocaml {{{bound}}}", place, bound, '>= "5.2" & < "5.4"')


def _constraints(solve: Table, text: str) -> tuple[Restriction, ...]:
    return tuple(
        parse_constraint(bound, f"{FILE}:{line_of_text(text, ('solve', 'constraints', position), bound)}")
        for position, bound in enumerate(solve.texts("constraints"))
    )


def _named(solve: Table, text: str) -> Iterator[tuple[str, str]]:
    for key in ("provided", "unverified"):
        for position, name in enumerate(solve.texts(key)):
            yield name, f"{FILE}:{line_of_text(text, ('solve', key, position), name)}"


def _package_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.texts(key)
    for position, name in enumerate(names):
        if not _is_package(name):
            hint = "give names of packages alone; bounds belong in solve.constraints"
            raise table.unacceptable((key, position), f'"{name}" cannot name a package', hint)
        if name in names[:position]:
            raise table.unacceptable((key, position), f'"{name}" is there twice')
    return names


def _is_package(name: str) -> bool:
    return _PACKAGE.fullmatch(name) is not None


def _variables(table: Table) -> tuple[tuple[str, Value], ...]:
    for name in table.content:
        if not re.fullmatch(r"[A-Za-z0-9_+-]+", name):
            hint = "use letters, digits, dashes, underscores and plus signs"
            raise table.unacceptable(name, f'"{name}" cannot name an opam variable', hint)
    return table.variables()


def _targets(targets: Table, unikernel: Unikernel | None) -> tuple[Target, ...]:
    """The targets to build for; those of the project's own that nothing is built for are judged as well."""
    own = {name: define_target(name, targets.table(name)) for name in targets.content if name != "build"}
    chosen: dict[str, Target] = {}
    for position, name in enumerate(_names_of_targets(targets, unikernel)):
        if name in chosen:
            raise targets.unacceptable(("build", position), f'"{name}" is there twice')
        try:
            chosen[name] = own[name] if name in own else load_target(name)
            if unikernel is not None:
                stated = targets.table(name).content if name in own else ()
                chosen[name] = unikernel.fitted(chosen[name], stated)
        except TargetError as error:
            if "build" not in targets and unikernel is not None:
                raise TargetError(error.reason, unikernel.file, error.hint) from None
            raise targets.unacceptable(("build", position), error.reason, error.hint) from None
    return tuple(chosen[name] for name in sorted(chosen))


def _names_of_targets(targets: Table, unikernel: Unikernel | None) -> tuple[str, ...]:
    if "build" not in targets:
        return DEFAULT_TARGETS if unikernel is None else (unikernel.target,)
    names = targets.texts("build")
    if not names:
        hint = 'name one, as in build = ["host"]'
        raise targets.unacceptable("build", "there is no target to build for", hint)
    return names


def _archive_mirrors(mirrors: Table) -> tuple[str, ...]:
    urls = mirrors.texts("archives")
    for position, url in enumerate(urls):
        if not _MIRROR.fullmatch(url):
            hint = "a mirror is the base of an opam cache: https://…, http://…, file:///… or a relative path"
            raise mirrors.unacceptable(("archives", position), f'"{url}" cannot be a mirror', hint)
    return urls


def _software_heritage(mirrors: Table) -> str:
    if "software-heritage" not in mirrors:
        return ""
    url = mirrors.text("software-heritage")
    if not _INTERFACE.fullmatch(url):
        hint = (
            "it is the base url of Software Heritage's interface: https://archive.softwareheritage.org/api/1"
        )
        raise mirrors.unacceptable("software-heritage", f'"{url}" cannot be asked for sources', hint)
    return url


def _stated(top: Table) -> Iterator[str]:
    for key, value in top.content.items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)
