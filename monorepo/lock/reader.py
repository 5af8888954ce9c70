"""Text to lock. What comes out keeps every invariant of `monorepo.lock.model`; anything else is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from monorepo.document import Table, decode, read_document, refusing
from monorepo.errors import LockError
from monorepo.lock.format import FILE, FORMAT, READABLE, REVISION, canonical
from monorepo.lock.model import (
    ExtraFile,
    ExtraSource,
    Kind,
    Lock,
    LockedPackage,
    LockedRepository,
    LockedSource,
    Substitution,
    SystemPackages,
)
from monorepo.lock.trees import mark_of
from monorepo.targets.definition import Check, Companion, Step, Target

_CHECKSUM = re.compile(r"md5=[0-9a-f]{32}|sha256=[0-9a-f]{64}|sha512=[0-9a-f]{128}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "restore it, or run mono lock --upgrade to choose all anew"

_CONFLICT = re.compile(rb"^<<<<<<< ", re.MULTILINE)


class UnmergedError(LockError):
    """There are two locks in one file."""


def load_lock(folder: Path) -> Lock:
    """The lock of the project in ``folder``.

    Raises:
        LockError: there is none, it is damaged, or of a format that this mono does not read.
    """
    path = folder / FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise LockError("there is no lock", FILE, "run mono lock") from None
    conflict = _CONFLICT.search(content)
    if conflict:
        line = content.count(b"\n", 0, conflict.start()) + 1
        raise UnmergedError(
            "a merge left both sides of a conflict here",
            f"{FILE}:{line}",
            f"take either side (git checkout --ours {FILE}), then run mono lock, which keeps what can stay",
        )
    try:
        return read_lock(decode(content, FILE, LockError), FILE)
    except LockError as error:
        raise replace(error, hint=error.hint or _AGAIN) from error


def read_lock(text: str, place: str) -> Lock:
    """The lock that ``text`` writes; ``place`` names the file in errors.

    Raises:
        LockError: it is damaged, or of a format that this mono does not read.
    """
    top = read_document(text, place, LockError)
    with refusing(LockError, text, place):
        reader = _Reader(lenient=_revision(top) > REVISION)
        lock = reader.lock(top)
        _Whole(top, lock).check()
    return canonical(lock)


def _revision(top: Table) -> int:
    format_, revision = top.number("format"), top.number("revision")
    if (format_, revision) == (FORMAT, REVISION):
        return revision  # as this mono writes it: most locks are
    from packaging.specifiers import SpecifierSet

    if format_ < 0 or revision < 0 or not SpecifierSet(READABLE).contains(f"{format_}.{revision}"):
        reason = f"this lock is of format {format_}, and this mono reads {READABLE}"
        raise top.unacceptable("format", reason, "update mono, or run mono lock --upgrade to choose all anew")
    return revision


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the parts one by one; ``lenient`` passes over keys that a later revision added."""

    lenient: bool

    def lock(self, top: Table) -> Lock:
        self._only(
            top,
            *("format", "revision", "project", "inputs", "preparation", "roots", "asked", "constraints"),
            *("archive-mirrors", "software-heritage", "variables", "repositories", "targets", "packages"),
            *("sources", "system-packages"),
        )
        return Lock(
            project=top.text("project"),
            inputs=_matching(_DIGEST, top, "inputs", "a digest"),
            roots=top.texts("roots"),
            repositories=tuple(self._repository(table) for table in top.tables("repositories")),
            variables=top.table("variables").variables(),
            targets=tuple(self._target(table) for table in top.tables("targets")),
            packages=tuple(self._package(table) for table in top.tables("packages")),
            sources=tuple(self._source(table) for table in top.tables("sources")),
            system_packages=tuple(self._system_packages(table) for table in top.tables("system-packages")),
            archive_mirrors=top.texts("archive-mirrors"),
            software_heritage=top.text("software-heritage") if "software-heritage" in top else "",
            asked=top.texts("asked"),
            constraints=top.texts("constraints"),
            preparation=_preparation(top),
        )

    def _only(self, table: Table, *known: str) -> None:
        if not self.lenient:
            table.only(*known)

    def _repository(self, table: Table) -> LockedRepository:
        self._only(table, "name", "url", "commit", "content")
        repository = LockedRepository(
            name=table.text("name"),
            url=table.text("url"),
            commit=_matching(_COMMIT, table, "commit", "a commit") if "commit" in table else None,
            content=_matching(_DIGEST, table, "content", "a digest") if "content" in table else None,
        )
        if (repository.commit is None) == (repository.content is None):
            raise table.unacceptable(
                "name", f"repository {repository.name} needs a commit or the hash of its content"
            )
        return repository

    def _target(self, table: Table) -> Target:
        self._only(
            table,
            *("name", "description", "context", "toolchain", "requires", "provided", "link-flags", "c-flags"),
            *("disable-dynamic-archives", "build", "artefacts", "tools", "variables", "checks", "steps"),
            "companions",
        )
        return Target(
            name=table.text("name"),
            description=table.text("description"),
            variables=table.table("variables").variables(),
            context=table.text("context"),
            toolchain=table.text_or_none("toolchain"),
            requires=table.texts("requires"),
            provided=table.texts("provided"),
            link_flags=table.texts("link-flags"),
            c_flags=table.texts("c-flags"),
            disable_dynamic_archives=table.truth("disable-dynamic-archives"),
            build=table.texts("build"),
            artefacts=table.texts("artefacts"),
            checks=tuple(self._check(check) for check in table.tables("checks")),
            steps=tuple(self._step(step) for step in table.tables("steps")),
            companions=tuple(self._companion(companion) for companion in table.tables("companions")),
            tools=table.texts("tools"),
        )

    def _check(self, table: Table) -> Check:
        self._only(table, "tool", "arguments", "expected")
        return Check(table.text("tool"), table.texts("arguments"), table.text("expected"))

    def _step(self, table: Table) -> Step:
        self._only(table, "tool", "arguments", "output")
        return Step(table.text("tool"), table.texts("arguments"), _inside(table, "output"))

    def _companion(self, table: Table) -> Companion:
        self._only(table, "name", "text", "file")
        file = _inside(table, "file") if "file" in table else None
        return Companion(_inside(table, "name"), table.text_or_none("text") or "", file)

    def _package(self, table: Table) -> LockedPackage:
        self._only(
            table,
            *("name", "version", "kind", "reason", "targets", "host-for", "dependencies", "repository"),
            *("port-of", "metadata", "licences", "directory", "flags", "depends", "conflicts"),
            *("conflict-class", "available"),
        )
        return LockedPackage(
            name=table.text("name"),
            version=table.text("version"),
            kind=_kind(table),
            reason=table.text("reason"),
            targets=table.texts("targets"),
            host_for=table.texts("host-for"),
            dependencies=table.texts("dependencies"),
            repository=table.text_or_none("repository"),
            port_of=table.text_or_none("port-of"),
            metadata=_matching(_DIGEST, table, "metadata", "a digest") if "metadata" in table else "",
            licences=table.texts("licences"),
            directory=_directory(table) if "directory" in table else None,
            flags=table.texts("flags"),
            depends=table.texts("depends"),
            conflicts=table.texts("conflicts"),
            conflict_class=table.texts("conflict-class"),
            available=table.text_or_none("available") or "",
        )

    def _source(self, table: Table) -> LockedSource:
        self._only(
            table,
            *("directory", "url", "packages", "targets", "mirrors", "checksums", "commit", "unverified"),
            *("subpath", "tree", "tree-of", "patches", "extra-sources", "extra-files", "substitutions"),
        )
        source = LockedSource(
            directory=_directory(table),
            url=table.text("url"),
            packages=table.texts("packages"),
            targets=table.texts("targets"),
            mirrors=table.texts("mirrors"),
            checksums=_checksums(table),
            commit=_matching(_COMMIT, table, "commit", "a commit") if "commit" in table else None,
            subpath=_inside(table, "subpath") if "subpath" in table else None,
            extra_sources=tuple(self._extra_source(extra) for extra in table.tables("extra-sources")),
            extra_files=tuple(self._extra_file(file) for file in table.tables("extra-files")),
            patches=table.texts("patches"),
            substitutions=tuple(self._substitution(part) for part in table.tables("substitutions")),
            unverified=table.truth("unverified"),
            tree=_matching(_DIGEST, table, "tree", "a digest") if "tree" in table else "",
        )
        if source.checksums and source.commit is not None:
            raise table.unacceptable(
                "commit", f"{source.directory} is pinned by a commit and by checksums", _AGAIN
            )
        if source.unverified and (source.checksums or source.commit is not None):
            raise table.unacceptable("unverified", f"{source.directory} is pinned after all", _AGAIN)
        if not source.unverified and not source.checksums and source.commit is None:
            raise table.unacceptable("directory", f"nothing pins the source of {source.directory}", _AGAIN)
        if "tree-of" in table and table.text("tree-of") != mark_of(source):
            return replace(source, tree="")  # a merge put it there: it is recorded anew
        return source

    def _extra_source(self, table: Table) -> ExtraSource:
        self._only(table, "file", "url", "mirrors", "checksums")
        extra = ExtraSource(
            _inside(table, "file"), table.text("url"), table.texts("mirrors"), _checksums(table)
        )
        if not extra.checksums:
            raise table.unacceptable("file", f"nothing pins the extra source {extra.file}", _AGAIN)
        return extra

    def _extra_file(self, table: Table) -> ExtraFile:
        self._only(table, "file", "sha256")
        return ExtraFile(_inside(table, "file"), _matching(_SHA256, table, "sha256", "a sha256"))

    def _substitution(self, table: Table) -> Substitution:
        self._only(table, "file", "variables")
        return Substitution(_inside(table, "file"), table.table("variables").variables())

    def _system_packages(self, table: Table) -> SystemPackages:
        self._only(table, "when", "packages", "wanted-by")
        return SystemPackages(table.text("when"), table.texts("packages"), table.texts("wanted-by"))


@dataclass(frozen=True, slots=True)
class _Whole:
    """What no part of a lock shows alone: that its parts agree."""

    top: Table
    lock: Lock

    def check(self) -> None:
        lock = self.lock
        self._one_version_for_each_target()
        self._unique("sources", "directory", (source.directory for source in lock.sources))
        self._unique("targets", "name", (target.name for target in lock.targets))
        self._unique("repositories", "name", (repository.name for repository in lock.repositories))
        kinds = {package.name: package.kind for package in lock.packages}
        for position, name in enumerate(lock.roots):
            if kinds.get(name) is not Kind.ROOT:
                self._refuse(("roots", position), f"{name} is no root among the packages")
        carried = {source.directory: source.packages for source in lock.sources}
        targets = {target.name for target in lock.targets}
        repositories = {repository.name for repository in lock.repositories}
        for position, package in enumerate(lock.packages):
            here = ("packages", position)
            self._known((*here, "dependencies"), package.dependencies, kinds, "package")
            self._known((*here, "targets"), package.targets, targets, "target")
            self._known((*here, "host-for"), package.host_for, targets, "target")
            for key, repository in (("repository", package.repository), ("port-of", package.port_of)):
                if repository is not None and repository not in repositories:
                    self._refuse((*here, key), f"{repository} is no repository of this lock")
            if (package.kind is Kind.ROOT) != (package.name in lock.roots):
                self._refuse((*here, "name"), f"{package.name} is a root and is not: kind and roots disagree")
            if package.kind is not Kind.VENDORED:
                if package.directory is not None:
                    self._refuse(
                        (*here, "directory"), f"{package.name} is {package.kind}, so it has no directory"
                    )
            elif package.directory is None:
                self._refuse((*here, "name"), f"{package.name} is vendored, but has no directory")
            elif package.name not in carried.get(package.directory, ()):
                self._refuse((*here, "directory"), f"{package.name} is vendored, but has no source")
        vendored = {(package.name, package.directory) for package in lock.packages}
        for position, source in enumerate(lock.sources):
            for place, name in enumerate(source.packages):
                if (name, source.directory) not in vendored:
                    self._refuse(
                        ("sources", position, "packages", place),
                        f"{name} is no package that is vendored in {source.directory}",
                    )
            self._known(("sources", position, "targets"), source.targets, targets, "target")
            if not source.packages:
                self._refuse(("sources", position, "directory"), f"{source.directory} carries no package")
            if source.tree and not lock.preparation:
                self._refuse(("sources", position, "tree"), "nothing says by which rules it was prepared")

    def _one_version_for_each_target(self) -> None:
        seen: set[tuple[str, str]] = set()
        for position, package in enumerate(self.lock.packages):
            if not package.used_for:
                self._refuse(("packages", position, "name"), f"{package.name} is for no target")
            for target in package.used_for:
                if (package.name, target) in seen:
                    self._refuse(
                        ("packages", position, "name"), f"{package.name} is there twice for {target}"
                    )
                seen.add((package.name, target))

    def _unique(self, part: str, key: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for position, name in enumerate(names):
            if name in seen:
                self._refuse((part, position, key), f"{name} is there twice among the {part}")
            seen.add(name)

    def _known(
        self, path: tuple[str | int, ...], names: Iterable[str], known: Iterable[str], what: str
    ) -> None:
        for position, name in enumerate(names):
            if name not in known:
                self._refuse((*path, position), f"{name} is no {what} of this lock")

    def _refuse(self, path: tuple[str | int, ...], reason: str) -> None:
        raise self.top.unacceptable(path, reason, _AGAIN)


def _preparation(top: Table) -> int:
    if "preparation" not in top:
        return 0
    number = top.number("preparation")
    if number < 1:
        raise top.unacceptable("preparation", f"{number} is no number of rules of preparation", _AGAIN)
    return number


def _kind(table: Table) -> Kind:
    word = table.text("kind")
    try:
        return Kind(word)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise table.unacceptable("kind", f'"{word}" is no kind of package', f"known are {known}") from None


def _matching(form: re.Pattern[str], table: Table, key: str, what: str) -> str:
    text = table.text(key)
    if not form.fullmatch(text):
        raise table.unacceptable(key, f'"{text}" is not {what}', _AGAIN)
    return text


def _checksums(table: Table) -> tuple[str, ...]:
    checksums = table.texts("checksums")
    for position, checksum in enumerate(checksums):
        if not _CHECKSUM.fullmatch(checksum):
            raise table.unacceptable(("checksums", position), f'"{checksum}" is not a checksum', _AGAIN)
    return checksums


def _directory(table: Table) -> str:
    name = table.text("directory")
    if "/" in name or "\0" in name or name in ("", ".", "..", "dune", "README.md"):
        raise table.unacceptable("directory", f'"{name}" cannot be a folder of the duniverse', _AGAIN)
    return name


def _inside(table: Table, key: str) -> str:
    """A relative path that does not climb out of where it starts."""
    path = table.text(key)
    if not path or path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise table.unacceptable(key, f'"{path}" leads out of its folder', _AGAIN)
    return path
