"""What every test may ask for. Long tests run with CI=true or --long; what CI=true lacks is a failure there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import World, make_world
from tests.support.debian import SourcesUnavailableError, upstream_archives
from tests.support.places import ROOT, SHARED, kept_folder, program
from tests.support.programs import Program
from tests.support.server import FileServer, serving
from tests.support.snapshots import unpacked
from tests.support.toolchains import Toolchains, toolchains_in

COMPILER_TOOLS = ("ocamlopt", "dune", "ocamlfind")


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


# What a busy machine takes its time for is no failure. In CI the same examples come each time.
settings.register_profile(
    "mono", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=in_ci()
)
settings.load_profile("mono")


def pytest_configure() -> None:
    """A run in the background ignores Ctrl-C, and so would every program that it starts and interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long, as CI=true does")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("long") and not (in_ci() or item.config.getoption("--long")):
        pytest.skip("a long test: runs with CI=true or --long")
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        lacking(f"{os.path.relpath(SHARED, ROOT)}, the snapshots of real repositories, is absent")
    if item.get_closest_marker("ocaml"):
        absent = [tool for tool in COMPILER_TOOLS if shutil.which(tool) is None]
        if absent:
            lacking(f"not on PATH: {', '.join(absent)}")
    if item.get_closest_marker("sandbox") and not bubblewrap_works():
        pytest.skip(
            "bubblewrap is not installed, or this machine does not allow it, as containers often do not"
        )


@cache
def bubblewrap_works() -> bool:
    """Whether a sandbox can be made here; where it cannot, mono-build does without, and so may CI."""
    command = ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true")
    return shutil.which("bwrap") is not None and subprocess.run(command, capture_output=True).returncode == 0


def lacking(reason: str) -> None:
    """Skip with the reason; fail in CI, where nothing may be lacking."""
    if in_ci():
        pytest.fail(f"{reason} (with CI=true this is a failure)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def kept() -> Path:
    """A folder outside the tree that stays between runs."""
    return kept_folder()


@pytest.fixture(scope="session")
def toolchains(kept: Path) -> Toolchains:
    """OCaml and dune for this machine, for musl and for arm64, as `make toolchains` makes them."""
    return usable(toolchains_in(kept), "musl", "arm64")


@pytest.fixture(scope="session")
def rust_toolchains(toolchains: Toolchains) -> Toolchains:
    """The same with Rust for the three."""
    return usable(toolchains, "rust-musl", "rust-arm64")


def upstream(kept: Path, wanted: Mapping[str, Iterable[str]]) -> list[Path]:
    """The upstream archives that Debian carries, by suite and source package."""
    try:
        return [file for suite in wanted for file in upstream_archives(suite, wanted[suite], kept).values()]
    except SourcesUnavailableError as error:
        lacking(str(error))
        raise


def usable(toolchains: Toolchains, *steps: str) -> Toolchains:
    """The toolchains, where these steps are made; what no server has any more is not CI's fault."""
    lack = toolchains.lacking(*steps)
    if lack is not None and lack.unavailable:
        pytest.skip(lack.reason)
    if lack is not None:
        lacking(lack.reason)
    return toolchains


@pytest.fixture(scope="session")
def shared() -> Path:
    """../shared, with data/ and spec/. Tests that use it are marked shared."""
    if not SHARED.is_dir():
        lacking(f"{os.path.relpath(SHARED, ROOT)}, the snapshots of real repositories, is absent")
    return SHARED


@pytest.fixture(scope="session")
def opam_repository_archive(shared: Path) -> Path:
    """The archive of opam-repository."""
    return shared / "data" / "opam-repository-2026-08-22.tar.xz"


@pytest.fixture(scope="session")
def opam_overlays_archive(shared: Path) -> Path:
    """The archive of dune-universe's overlays."""
    return shared / "data" / "opam-overlays-2026-07-15.tar.xz"


@pytest.fixture(scope="session")
def opam_repository(opam_repository_archive: Path, kept: Path) -> Path:
    """opam-repository as a folder; to be read only."""
    return unpacked(opam_repository_archive, kept)


@pytest.fixture(scope="session")
def opam_overlays(opam_overlays_archive: Path, kept: Path) -> Path:
    """dune-universe's overlays as a folder; to be read only."""
    return unpacked(opam_overlays_archive, kept)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world of fixtures/, made once; to be read only. A test that changes it makes its own."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def buildable_world(tmp_path: Path) -> World:
    """A world of one test's own whose project asks for the compiler and dune of this machine."""
    return make_world(tmp_path / "world", compiler=installed_compiler(), dune=installed_dune())


@pytest.fixture
def own_world(tmp_path: Path) -> World:
    """The same for one test alone, which may do with it what it likes."""
    return make_world(tmp_path / "world")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the programs of one test, with mono's cache in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def mono(home: Path) -> Program:
    """The console program mono: ``mono("lock", folder=project).succeeded()``."""
    return Program(program("mono"), home)


@pytest.fixture
def mono_build(home: Path) -> Program:
    """The console program mono-build."""
    return Program(program("mono-build"), home)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], FileServer]]:
    """Serves a folder over HTTP on loopback until the test ends: ``serve(folder).url``."""
    with ExitStack() as servers:
        yield lambda folder: servers.enter_context(serving(folder))
