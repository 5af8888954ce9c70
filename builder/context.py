"""The context format: all that a builder needs besides the sources (docs/context-format.md).

A context is a folder ``contexts/TARGET/`` with ``context.json``, which this module reads and writes,
and ``dune-workspace``, which dune reads. The format has a version; a reader refuses every other
one, and every key that it does not know, because what it would ignore may be a condition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.certificate import Need, Package, Source
from builder.errors import ContextError

FORMAT = "mono-context"
VERSION = 3
FILE_NAME = "context.json"

_DEEPEST = 200
"""Levels of lists and objects in a need; what opam files say nests a few."""

_HINT = "write the contexts anew with mono contexts"


@dataclass(frozen=True, slots=True)
class Project:
    """``folder`` leads from the context folder to the project; ``packages`` are its own that are built."""

    name: str
    folder: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What is installed outside the sources.

    Args:
        name: the findlib toolchain, None for the host's own compiler.
        ocaml, dune: the numeric versions expected (``5.4.1``), None where any will do.
        packages: opam packages that are expected there and that the sources may link with.
        linked: those of them that are in every image, as the compiler's own runtime is.
        tools: further programs that must be on PATH.
    """

    name: str | None
    ocaml: str | None
    dune: str | None
    packages: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dune:
    """How dune is called in the project's folder: ``arguments``, then a build folder and a number of jobs.

    ``docs`` are the arguments that build documentation instead.
    """

    context: str
    workspace: str
    arguments: tuple[str, ...]
    docs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the build may read of the project, by path from its folder.

    Args:
        files, folders: with their digests (`builder.digest`).
        closed: folders in which nothing else may be, names that begin with a dot apart.
        moved: folders that dune is to see in another place than where the project has them: the place, which
            is the one in ``folders``, and where they are.
        hidden: folders in closed ones that dune is not to see, as they are for other targets.
    """

    files: tuple[tuple[str, str], ...]
    folders: tuple[tuple[str, str], ...]
    closed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()

    def place_of(self, folder: str) -> str:
        """Where the project has one of ``folders``."""
        return dict(self.moved).get(folder, folder)


@dataclass(frozen=True, slots=True)
class Check:
    """``tool arguments``, ``%{artefact}`` replaced, must succeed and its output contain ``expected``."""

    tool: str
    arguments: tuple[str, ...]
    expected: str


@dataclass(frozen=True, slots=True)
class Step:
    """``tool arguments`` makes the file ``output`` of each artefact that dune built.

    ``%{artefact}`` and ``%{output}`` are replaced by their paths, ``%{name}`` by the artefact's name without
    its ending.
    """

    tool: str
    arguments: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that goes with each artefact that dune built: ``text``, or a copy of ``file`` of the project.

    ``%{name}`` in ``name`` and ``text`` is replaced by the artefact's name without its ending, and
    ``%{artefact}`` in ``text`` by the whole of it.
    """

    name: str
    text: str = ""
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The fixed places that sources, build folder and home have in a sandbox, so that no other path leaks."""

    sources: str
    build: str
    home: str


@dataclass(frozen=True, slots=True)
class Context:
    """One context, whole.

    ``locked`` are all packages that were locked for the target, ``asked`` what was asked for beside the
    project's own; ``artefacts`` are globs under dune's build folder; each must match something.
    """

    project: Project
    target: str
    description: str
    toolchain: Toolchain
    dune: Dune
    environment: tuple[tuple[str, str], ...]
    inputs: Inputs
    artefacts: tuple[str, ...]
    checks: tuple[Check, ...]
    sandbox: Sandbox
    locked: tuple[Package, ...]
    asked: tuple[Need, ...] = ()
    steps: tuple[Step, ...] = ()
    companions: tuple[Companion, ...] = ()


def render(context: Context) -> str:
    """The bytes of context.json, the same for the same context."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "project": {
            "name": context.project.name,
            "folder": context.project.folder,
            "packages": list(context.project.packages),
        },
        "target": {"name": context.target, "description": context.description},
        "toolchain": {
            "name": context.toolchain.name,
            "ocaml": context.toolchain.ocaml,
            "dune": context.toolchain.dune,
            "packages": list(context.toolchain.packages),
            "linked": list(context.toolchain.linked),
            "tools": list(context.toolchain.tools),
        },
        "dune": {
            "context": context.dune.context,
            "workspace": context.dune.workspace,
            "arguments": list(context.dune.arguments),
            "docs": list(context.dune.docs),
        },
        "environment": dict(context.environment),
        "inputs": {
            "files": dict(context.inputs.files),
            "folders": dict(context.inputs.folders),
            "closed": list(context.inputs.closed),
            "moved": dict(context.inputs.moved),
            "hidden": list(context.inputs.hidden),
        },
        "artefacts": list(context.artefacts),
        "checks": [
            {"tool": check.tool, "arguments": list(check.arguments), "expected": check.expected}
            for check in context.checks
        ],
        "steps": [
            {"tool": step.tool, "arguments": list(step.arguments), "output": step.output}
            for step in context.steps
        ],
        "companions": [
            {"name": companion.name, **_content_of(companion)} for companion in context.companions
        ],
        "sandbox": {
            "sources": context.sandbox.sources,
            "build": context.sandbox.build,
            "home": context.sandbox.home,
        },
        "asked": list(context.asked),
        "locked": [_package_row(package) for package in context.locked],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _package_row(package: Package) -> dict[str, object]:
    source = package.source
    return {
        "name": package.name,
        "version": package.version,
        "needs": list(package.needs),
        "refuses": list(package.refuses),
        "classes": list(package.classes),
        "repository": package.repository,
        "port-of": package.port_of,
        "licences": list(package.licences),
        "source": None
        if source is None
        else {
            "folder": source.folder,
            "url": source.url,
            "checksums": list(source.checksums),
            "commit": source.commit,
        },
    }


def _content_of(companion: Companion) -> dict[str, str]:
    return {"text": companion.text} if companion.file is None else {"file": companion.file}


def read_context(folder: Path) -> Context:
    """The context in ``folder``.

    Raises:
        ContextError: there is none, it is damaged, or of another format or version.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContextError(
            "there is no context here",
            place=str(path),
            hint="name a folder contexts/TARGET that mono contexts wrote",
        ) from None
    except (OSError, UnicodeError) as error:
        raise ContextError(f"cannot be read ({error})", place=str(path), hint=_HINT) from error
    return parse(text, place=str(path))


def parse(text: str, *, place: str = FILE_NAME) -> Context:
    """The context that ``text`` writes; ``place`` is where errors say it came from.

    Raises:
        ContextError: it is damaged, or of another format or version.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContextError(f"is not JSON ({error})", place=place, hint=_HINT) from error
    document = _Table(value, place)
    if document.value("format") != FORMAT:
        raise ContextError(f'is not a context: its format is not "{FORMAT}"', place=place, hint=_HINT)
    if document.value("version") != VERSION:
        raise ContextError(
            f"is of version {document.value('version')!r} of the format; this builder reads {VERSION}",
            place=place,
            hint="use the mono-build that belongs to the mono that wrote it",
        )
    context = _context(document)
    document.close()
    if not context.artefacts:
        raise ContextError("expects no artefact", place=place, hint=_HINT)
    return context


def _context(document: _Table) -> Context:
    project, target = document.table("project"), document.table("target")
    toolchain, dune = document.table("toolchain"), document.table("dune")
    inputs, sandbox = document.table("inputs"), document.table("sandbox")
    context = Context(
        project=Project(project.text("name"), project.text("folder"), project.texts("packages")),
        target=target.text("name"),
        description=target.text("description"),
        toolchain=Toolchain(
            name=toolchain.optional_text("name"),
            ocaml=toolchain.optional_text("ocaml"),
            dune=toolchain.optional_text("dune"),
            packages=toolchain.texts("packages"),
            linked=toolchain.texts("linked"),
            tools=toolchain.texts("tools"),
        ),
        dune=Dune(dune.text("context"), dune.path("workspace"), dune.texts("arguments"), dune.texts("docs")),
        environment=document.table("environment").pairs(),
        inputs=Inputs(
            files=inputs.table("files").digests(),
            folders=inputs.table("folders").digests(),
            closed=inputs.texts("closed"),
            moved=inputs.table("moved").places(),
            hidden=inputs.paths("hidden"),
        ),
        artefacts=document.paths("artefacts"),
        checks=tuple(_check(table) for table in document.tables("checks")),
        sandbox=Sandbox(sandbox.place("sources"), sandbox.place("build"), sandbox.place("home")),
        locked=tuple(_package(table) for table in document.tables("locked")),
        asked=document.needs("asked"),
        steps=tuple(_step(table) for table in document.tables("steps")),
        companions=tuple(_companion(table) for table in document.tables("companions")),
    )
    for table in (project, target, toolchain, dune, inputs, sandbox):
        table.close()
    return context


def _check(table: _Table) -> Check:
    check = Check(table.text("tool"), table.texts("arguments"), table.text("expected"))
    table.close()
    return check


def _step(table: _Table) -> Step:
    step = Step(table.text("tool"), table.texts("arguments"), table.name("output"))
    table.close()
    return step


def _companion(table: _Table) -> Companion:
    name = table.name("name")
    copied = "file" in table.taken()
    companion = Companion(name, file=table.path("file")) if copied else Companion(name, table.text("text"))
    table.close()
    return companion


def _package(table: _Table) -> Package:
    package = Package(
        name=table.text("name"),
        version=table.text("version"),
        needs=table.needs("needs"),
        refuses=table.needs("refuses"),
        classes=table.texts("classes"),
        repository=table.optional_text("repository"),
        port_of=table.optional_text("port-of"),
        licences=table.texts("licences"),
        source=None if table.value("source") is None else _source(table.table("source")),
    )
    table.close()
    return package


def _source(table: _Table) -> Source:
    source = Source(
        table.path("folder"), table.text("url"), table.texts("checksums"), table.optional_text("commit")
    )
    table.close()
    return source


class _Table:
    """A JSON object that is read key by key, and in the end must have had no others."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise ContextError(f"must be an object, not {_shown(value)}", place=place, hint=_HINT)
        self._members: Mapping[str, object] = value
        self._place = place
        self._read: set[str] = set()

    def value(self, key: str) -> object:
        if key not in self._members:
            raise ContextError(f'lacks "{key}"', place=self._place, hint=_HINT)
        self._read.add(key)
        return self._members[key]

    def table(self, key: str) -> _Table:
        return _Table(self.value(key), self._at(key))

    def tables(self, key: str) -> list[_Table]:
        return [_Table(member, f"{self._at(key)}[{index}]") for index, member in enumerate(self._list(key))]

    def text(self, key: str) -> str:
        return self._as_text(self.value(key), key)

    def optional_text(self, key: str) -> str | None:
        return None if self.value(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self._as_text(member, f"{key}[{index}]") for index, member in enumerate(self._list(key)))

    def path(self, key: str) -> str:
        return self._as_path(self.text(key), key)

    def name(self, key: str) -> str:
        """The name of a file, without a folder."""
        text = self.path(key)
        if "/" in text:
            raise ContextError(f'"{text}" is not the name of a file', place=self._at(key), hint=_HINT)
        return text

    def paths(self, key: str) -> tuple[str, ...]:
        return tuple(self._as_path(text, key) for text in self.texts(key))

    def place(self, key: str) -> str:
        """An absolute path of at least one part."""
        text = self.text(key)
        if (
            not text.startswith("/")
            or ".." in PurePosixPath(text).parts
            or len(PurePosixPath(text).parts) < 2
        ):
            raise ContextError(f'"{text}" is not an absolute path', place=self._at(key), hint=_HINT)
        return text

    def pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple((key, self.text(key)) for key in self._members)

    def digests(self) -> tuple[tuple[str, str], ...]:
        return tuple((self._as_path(key, key), self.text(key)) for key in self._members)

    def places(self) -> tuple[tuple[str, str], ...]:
        return tuple((self._as_path(key, key), self.path(key)) for key in self._members)

    def needs(self, key: str) -> tuple[Need, ...]:
        """Needs as they are written; the certificate reads them."""
        needs = tuple(table.taken() for table in self.tables(key))
        if any(_depth(need) > _DEEPEST for need in needs):
            raise ContextError("nests too deep", place=self._at(key), hint=_HINT)
        return needs

    def taken(self) -> Mapping[str, object]:
        """The object as it is."""
        return self._members

    def close(self) -> None:
        for key in self._members:
            if key not in self._read:
                raise ContextError(f'has the unknown key "{key}"', place=self._place, hint=_HINT)

    def _list(self, key: str) -> list[object]:
        value = self.value(key)
        if not isinstance(value, list):
            raise ContextError(f"must be a list, not {_shown(value)}", place=self._at(key), hint=_HINT)
        return value

    def _as_text(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            raise ContextError(f"must be a text, not {_shown(value)}", place=self._at(key), hint=_HINT)
        return value

    def _as_path(self, text: str, key: str) -> str:
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ContextError(f'"{text}" is not a path below a folder', place=self._at(key), hint=_HINT)
        return text

    def _at(self, key: str) -> str:
        return f"{self._place}: {key}"


def _depth(value: object) -> int:
    """How deep lists and objects nest; counted without recursion, as it may be very deep."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = (part for part in level if isinstance(part, dict | list))
        level = [each for part in inner for each in (part.values() if isinstance(part, dict) else part)]
    return depth


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]
