"""Libraries from outside are known by the folders that compilers were pointed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.account import Made
from builder.context import Context
from builder.errors import InputsError
from builder.outside import refuse_libraries_from_outside
from builder.toolchain import Installation
from tests.builder.projects import expecting, make_context, write_files, write_project

INSTALLED = (
    "lib/lwt",
    "lib/with blank",
    "lib/ocaml/unix",
    "lib/expected",
    "cross/lib/expected",
    "cross/lib/unix",
)


def make_installation(folder: Path, target: str) -> Installation:
    libraries = (str(folder / "lib" / "ocaml"), str(folder / target))
    return Installation((), (), (), (), libraries, "/usr/bin", None)


def refuse(tmp_path: Path, folder: str, *, context: str = "default", target: str = "lib/ocaml") -> None:
    """Judge a file that was made in a dune context with libraries in ``folder``."""
    made = {"default/main.exe": Made(context, (str(tmp_path / folder),), None)}
    write_files(tmp_path, {f"{package}/META": "" for package in INSTALLED})
    refuse_libraries_from_outside(_context(tmp_path), make_installation(tmp_path, target), made)


def _context(tmp_path: Path) -> Context:
    context = make_context(write_project(tmp_path / "project").parents[1])
    return expecting(context, packages=("expected",))


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("lib/lwt", "lwt"),
        ("lib/lwt/unix", "lwt"),
        ("lib/with blank", "with blank"),
        ("lib/ocaml", None),
        ("lib/ocaml/unix", None),
        ("lib/ocaml/caml", None),
        ("lib/expected", None),
        ("lib/absent", None),
        ("include", None),
    ],
)
def test_which_are_refused(folder: str, place: str | None, tmp_path: Path) -> None:
    if place is None:
        refuse(tmp_path, folder)
    else:
        with pytest.raises(InputsError, match="neither vendored nor expected") as caught:
            refuse(tmp_path, folder)
        assert caught.value.place == place


@pytest.mark.parametrize("folder", ["lib/expected", "lib/ocaml/unix"])
def test_the_hosts_are_refused_for_another_target(folder: str, tmp_path: Path) -> None:
    """Also those that are expected, and those that come with the compiler: their C code is the host's."""
    with pytest.raises(InputsError, match="whose toolchain has its libraries elsewhere") as caught:
        refuse(tmp_path, folder, target="cross/lib/ocaml")
    assert caught.value.place == Path(folder).name


@pytest.mark.parametrize(
    ("folder", "context"),
    [
        ("cross/lib/expected", "default"),  # here the name of the target's own context
        ("cross/lib/unix", "default"),
        ("lib/expected", "of the host"),
    ],
)
def test_what_is_installed_for_the_target_or_used_by_the_host(
    folder: str, context: str, tmp_path: Path
) -> None:
    refuse(tmp_path, folder, context=context, target="cross/lib/ocaml")


def test_a_toolchain_below_the_hosts_libraries(tmp_path: Path) -> None:
    with pytest.raises(InputsError, match="whose toolchain"):
        refuse(tmp_path, "lib/ocaml/unix", target="lib/ocaml-cross")
