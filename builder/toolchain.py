"""Finds the programs that a context needs, refuses others than it expects, and takes their fingerprints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.context import Context
from builder.errors import ToolError
from builder.processes import run
from builder.remembered import Digests

_NUMERIC = re.compile(r"\d+(?:\.\d+)*")
_SYSTEM_FOLDERS = ("/usr/bin", "/bin")
_ABSOLUTE_PATH = re.compile(r"/[^\s()'\"=:,]+")

WITH_THE_COMPILER = frozenset(
    {
        *("bigarray", "bytes", "compiler-libs", "dynlink", "findlib", "ocamldoc", "profiling"),
        *("runtime_events", "seq", "stdlib", "str", "threads", "unix"),
    }
)
"""Libraries, as findlib calls them, that are installed with every compiler."""

_PARTS_OF_THE_LIBRARY = ("caml", "dynlink", "runtime_events", "str", "threads", "unix")
"""Folders in the standard library's own from which something may get into an image."""


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
        files: what the C compilers and linkers themselves take part with, by path, with their digests.
        c_compilers: names by which the C compilers and assemblers are called, and their paths.
        standard_libraries: of the host's compiler, and of the target's, which may be the same.
        search_path: PATH of the build: the folders of the tools, in the order in which they were searched.
        strip: the program that takes debug information from the target's executables; None where absent.
    """

    tools: tuple[Tool, ...]
    libraries: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    c_compilers: tuple[tuple[str, str], ...]
    standard_libraries: tuple[str, str]
    search_path: str
    strip: str | None

    def version_of(self, name: str) -> str:
        return next(tool.version for tool in self.tools if tool.name == name)


@dataclass(frozen=True, slots=True)
class _Compiler:
    """An OCaml compiler: how it is called, and what it answers to ``-config``."""

    command: tuple[str, ...]
    configuration: Mapping[str, str]

    @property
    def c_compiler(self) -> str:
        return self.configuration["c_compiler"].split()[0]

    @property
    def library(self) -> str:
        return self.configuration["standard_library"]


def find_installation(
    context: Context, environment: Mapping[str, str], digests: Digests, further: Sequence[str] = ()
) -> Installation:
    """What PATH of ``environment`` holds of the tools that ``context`` needs, and of ``further`` ones.

    Raises:
        ToolError: a tool is missing, or its version is not the one expected.
    """
    search = _Search(environment.get("PATH", ""), context, digests)
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
    tools += [search.tool(name) for name in (*context.toolchain.tools, *further)]
    tools += [search.tool(check.tool) for check in context.checks]
    tools += [search.tool(step.tool) for step in context.steps]
    files = {path for compiler in compilers for path in _files_of_the_linker(search, compiler)}
    return Installation(
        tools=tuple(sorted({tool.name: tool for tool in tools}.values(), key=lambda tool: tool.name)),
        libraries=tuple(sorted({each for compiler in compilers for each in _libraries(compiler, digests)})),
        files=tuple((path, digests.of_file(Path(path))) for path in sorted(files)),
        c_compilers=_c_compilers(search, compilers),
        standard_libraries=(compilers[0].library, compilers[-1].library),
        search_path=search.path_of(tools),
        strip=search.find(search.ask(compilers[-1].c_compiler, "-print-prog-name=strip")),
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
    c_compiler = search.tool(compiler.c_compiler, "--version")
    if len(compiler.command) == 1:
        return [search.tool("ocamlopt", version=version), c_compiler]
    shown = search.ask(*compiler.command, "-only-show").split()
    target = search.tool(shown[0], version=version) if shown else search.tool("ocamlopt", version=version)
    return [search.tool("ocamlfind"), target, c_compiler]


def _libraries(compiler: _Compiler, digests: Digests) -> Iterator[tuple[str, str]]:
    top = Path(compiler.library)
    for folder in (top, *(top / name for name in _PARTS_OF_THE_LIBRARY)):
        if folder.is_dir() or folder == top:
            yield str(folder), digests.of_files_in(folder)


def _files_of_the_linker(search: _Search, compiler: _Compiler) -> set[str]:
    """What the C compiler makes a program of besides what it is given, and the programs that it runs.

    It tells that itself while it makes an empty program; one that cannot be made is a telling failure too, as
    the C compiler of a unikernel's toolchain fails where no manifest is given.
    """
    words = compiler.configuration["c_compiler"].split()
    libraries = compiler.configuration.get("native_c_libraries", "").split()
    with TemporaryDirectory(prefix="mono-build-") as folder:
        said = search.say(
            words[0],
            *(*words[1:], "-v", "-Wl,--verbose", "-x", "c", "/dev/null", "-x", "none"),
            *(*libraries, "-o", f"{folder}/program"),
        )
    lines = (line for line in said.splitlines() if not line.startswith("Configured with"))
    found = {Path(path).resolve() for line in lines for path in _ABSOLUTE_PATH.findall(line)}
    return {str(path) for path in found if path.is_file()}  # what was made on the way is gone


def _c_compilers(search: _Search, compilers: Sequence[_Compiler]) -> tuple[tuple[str, str], ...]:
    """Of C compilers and assemblers those that are looked for along PATH, by any of their names."""
    keys = ("c_compiler", "native_c_compiler", "bytecomp_c_compiler", "asm")
    names = {"as", "c++", "cc", "clang", "clang++", "g++", "gcc"}
    for compiler in compilers:
        names |= {compiler.configuration[key].split()[0] for key in keys if compiler.configuration.get(key)}
    found = {name: search.find(name) for name in names if "/" not in name}
    return tuple((name, path) for name, path in sorted(found.items()) if path is not None)


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

    def __init__(self, path: str, context: Context, digests: Digests) -> None:
        self._folders = [folder for folder in path.split(":") if folder.startswith("/")]
        self._environment = {
            **dict(context.environment),
            "PATH": ":".join(self._folders),
            "HOME": "/nonexistent",
        }
        self._context = context
        self._digests = digests

    def find(self, name: str) -> str | None:
        return shutil.which(name, path=":".join(self._folders))

    def tool(self, name: str, *question: str, version: str = "") -> Tool:
        """The program of that name; its version is the first line of its answer where there is a question."""
        path = self._path(name)
        if question:
            version = self.ask(name, *question).partition("\n")[0]
        try:
            return Tool(name, path, version, self._digests.of_file(Path(path)))
        except OSError as error:
            raise ToolError(f"cannot be read ({error.strerror})", place=path) from error

    def say(self, name: str, *question: str) -> str:
        """What a program says, whether it succeeds or not."""
        return run((self._path(name), *question), folder=Path("/"), environment=self._environment).output

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
