"""Finds the programs that a context needs, refuses others than it expects, and takes their fingerprints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.context import Context
from builder.digest import file_digest, files_digest
from builder.errors import ToolError
from builder.processes import run

_NUMERIC = re.compile(r"\d+(?:\.\d+)*")
_SYSTEM_FOLDERS = ("/usr/bin", "/bin")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: its name, its path, the version it tells ("" where not asked), the hash of its bytes."""

    name: str
    path: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed for a build.

    Args:
        tools: every program that is known to take part, sorted by name.
        libraries: folders of the compilers' standard libraries, with the digest of the files right in them.
        search_path: PATH of the build: the folders of the tools, in the order in which they were searched.
        strip: the program that takes debug information from the target's executables; None where absent.
    """

    tools: tuple[Tool, ...]
    libraries: tuple[tuple[str, str], ...]
    search_path: str
    strip: str | None

    def version_of(self, name: str) -> str:
        return next(tool.version for tool in self.tools if tool.name == name)


@dataclass(frozen=True, slots=True)
class _Compiler:
    """An OCaml compiler: how it is called, and what it answers to ``-config``."""

    command: tuple[str, ...]
    configuration: Mapping[str, str]


def find_installation(context: Context, environment: Mapping[str, str]) -> Installation:
    """What PATH of ``environment`` holds of the tools that ``context`` needs.

    Raises:
        ToolError: a tool is missing, or its version is not the one expected.
    """
    search = _Search(environment.get("PATH", ""), context)
    dune = search.tool("dune", "--version")
    _expect("dune", context.toolchain.dune, dune.version, dune.path)
    compilers = [_compiler(search, "ocamlopt")]
    if context.toolchain.name is not None:
        compilers.append(_compiler(search, "ocamlfind", "-toolchain", context.toolchain.name, "ocamlopt"))
    tools = [dune]
    for compiler in compilers:
        version = compiler.configuration["version"]
        _expect("OCaml", context.toolchain.ocaml, version, " ".join(compiler.command))
        tools += _tools_of(search, compiler)
    if search.find("ocamlfind") is not None:
        tools.append(search.tool("ocamlfind"))  # older dunes ask it where the host's libraries are
    tools += [search.tool(name) for name in context.toolchain.tools]
    tools += [search.tool(check.tool) for check in context.checks]
    tools += [search.tool(step.tool) for step in context.steps]
    return Installation(
        tools=tuple(sorted({tool.name: tool for tool in tools}.values(), key=lambda tool: tool.name)),
        libraries=tuple(sorted({_library(compiler) for compiler in compilers})),
        search_path=search.path_of(tools),
        strip=_strip(search, compilers[-1]),
    )


def _compiler(search: _Search, *command: str) -> _Compiler:
    answer = search.ask(*command, "-config")
    configuration = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
    for key in ("version", "c_compiler", "standard_library"):
        if key not in configuration:
            raise ToolError(f"does not tell its {key} when asked for -config", place=" ".join(command))
    return _Compiler(command, configuration)


def _tools_of(search: _Search, compiler: _Compiler) -> list[Tool]:
    """The compiler itself, findlib where it leads to it, and the compiler's own C compiler."""
    version = compiler.configuration["version"]
    c_compiler = search.tool(_c_compiler(compiler), "--version")
    if len(compiler.command) == 1:
        return [search.tool("ocamlopt", version=version), c_compiler]
    shown = search.ask(*compiler.command, "-only-show").split()
    target = search.tool(shown[0], version=version) if shown else search.tool("ocamlopt", version=version)
    return [search.tool("ocamlfind"), target, c_compiler]


def _c_compiler(compiler: _Compiler) -> str:
    return compiler.configuration["c_compiler"].split()[0]


def _library(compiler: _Compiler) -> tuple[str, str]:
    folder = compiler.configuration["standard_library"]
    return folder, files_digest(Path(folder))


def _strip(search: _Search, compiler: _Compiler) -> str | None:
    """The target's own strip, which its C compiler knows."""
    name = search.ask(_c_compiler(compiler), "-print-prog-name=strip")
    return search.find(name)


def _expect(what: str, expected: str | None, found: str, place: str) -> None:
    match = _NUMERIC.match(found)
    if expected is not None and (match is None or match[0] != expected):
        raise ToolError(
            f"the context expects {what} {expected}, but this is {found or 'of no version'}",
            place=place,
            hint=f"put {what} {expected} first on PATH, or lock for {found}",
        )


class _Search:
    """Looks for programs along one PATH, and asks them questions in a bare environment."""

    def __init__(self, path: str, context: Context) -> None:
        self._folders = [folder for folder in path.split(":") if folder.startswith("/")]
        self._environment = {
            **dict(context.environment),
            "PATH": ":".join(self._folders),
            "HOME": "/nonexistent",
        }
        self._context = context

    def find(self, name: str) -> str | None:
        return shutil.which(name, path=":".join(self._folders))

    def tool(self, name: str, *question: str, version: str = "") -> Tool:
        """The program of that name; its version is the first line of its answer where there is a question."""
        path = self._path(name)
        if question:
            version = self.ask(name, *question).partition("\n")[0]
        try:
            return Tool(name, path, version, file_digest(Path(path)))
        except OSError as error:
            raise ToolError(f"cannot be read ({error.strerror})", place=path) from error

    def ask(self, name: str, *question: str) -> str:
        """What a program answers, without blanks around it; a failure is an error."""
        path = self._path(name)
        completed = run((path, *question), folder=Path("/"), environment=self._environment)
        if completed.status != 0:
            raise ToolError(
                f"{' '.join((name, *question))} failed with exit status {completed.status}",
                place=path,
                hint=f"findlib must know the toolchain {question[1]}" if "-toolchain" in question else "",
                details=tuple(completed.output.splitlines()[:5]),
            )
        if "Undefined toolchain" in completed.output:  # findlib warns, and answers for the host's compiler
            raise ToolError(
                f"findlib does not know the toolchain {question[1]}",
                place=path,
                hint=f"install the cross compiler of the target {self._context.target}",
            )
        return completed.output.strip()

    def path_of(self, tools: list[Tool]) -> str:
        """The folders that hold the tools, and the system's own, in the order of the search."""
        wanted = {str(Path(tool.path).parent) for tool in tools} | set(_SYSTEM_FOLDERS)
        kept = [folder for folder in self._folders if folder.rstrip("/") in wanted]
        return ":".join(dict.fromkeys((*kept, *_SYSTEM_FOLDERS)))

    def _path(self, name: str) -> str:
        path = self.find(name)
        if path is None:
            raise ToolError(
                "is not on PATH",
                place=name,
                hint=f"the target {self._context.target} is built with it; install it",
            )
        return path
