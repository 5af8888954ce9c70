"""Libraries from outside are known by the folders in dune's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import InputsError
from builder.outside import refuse_libraries_from_outside
from tests.builder.projects import expecting, make_context, write_files, write_project


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
    context = expecting(make_context(write_project(tmp_path / "project").parents[1]), packages=("expected",))
    packages = ("lib/lwt", "lib/with blank", "lib/ocaml/unix", "lib/expected")
    write_files(tmp_path, {f"{package}/META": "" for package in packages})
    path = f"'{tmp_path / folder}'" if " " in folder else str(tmp_path / folder)
    log = f"$ (cd /mono/build/default && ocamlopt -I bin/.main.objs -I {path} -c main.ml)\n"
    if place is None:
        refuse_libraries_from_outside(context, log)
    else:
        with pytest.raises(InputsError, match="neither vendored nor expected") as caught:
            refuse_libraries_from_outside(context, log)
        assert caught.value.place == place
