"""Failures as data: in NAME.toml a small world, a project without an answer, and what mono has to say of it.

Above the line ``# What mono says`` a scenario has

* ``about``: what it shows, and where it was met;
* ``compilers``: versions of OCaml, each ``ocaml`` and ``ocaml-base-compiler``; ``["5.2.0"]`` where it says nothing;
* ``[packages]``, or ``[repositories.NAME]`` in order of priority: ``"name.version" = '"a" "b" {>= "2"}'``, the
  dependencies of something that builds with dune, or a table of opam's fields (``depends``, ``conflicts``, …);
  ``foreign = true`` does not build with dune, ``unverifiable = true`` has no checksum, ``text`` is a whole file;
* ``[files]``: the project. mono.toml gets the repositories at its end.

Below stand the class of the failure, the message, and for each repair that mono can make the difference that
``mono lock --apply N`` makes. With ``MONO_UPDATE_SCENARIOS=1`` all that is written anew, to be read before it is
believed.

Whatever the message: no reason of it can be left out, no repair fails to help, nothing is longer than 25 lines
of 100 columns, and JSON has the same to say.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.cli.run import run
from monorepo.lock.answer import NoAnswerError
from monorepo.locking import lock_project
from monorepo.repairing import by_hand
from solver.edit import edited
from solver.optimise import solve
from solver.relaxation import Relaxation
from solver.replay import replay
from solver.solution import Solution
from solver.universe import build_universe

HERE = Path(__file__).parent
SCENARIOS = sorted(HERE.glob("*.toml"))
MARK = "# What mono says\n"
MOST_LINES, MOST_COLUMNS = 25, 100


@dataclass(frozen=True)
class Place:
    """Where one scenario is played."""

    project: Path
    cache: Path

    def mono(self, *arguments: str) -> int:
        return run(["-C", str(self.project), "--cache-dir", str(self.cache), "--color=never", *arguments])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.stem for scenario in SCENARIOS])
def test_scenario(scenario: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = scenario.read_text(encoding="utf-8")
    told = tomllib.loads(text)
    place = Place(tmp_path / "project", tmp_path / "cache")
    _lay_out(told, place.project)
    assert place.mono("lock") == 1
    out, message = capfd.readouterr()
    assert out == ""
    data = _as_json(place, capfd)
    failure = _failure(place)
    applied = list(_applied(place, failure, capfd))
    expected = _written(data["class"], message, applied)
    if os.environ.get("MONO_UPDATE_SCENARIOS"):
        scenario.write_text(text.partition(MARK)[0] + MARK + expected, encoding="utf-8", newline="")
    assert text.partition(MARK)[2] == expected
    lines = message.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS
    assert lines[0].removeprefix("error: ") in data["error"]
    _check_minimal(failure)


def test_who_locks_from_an_older_state_is_told_to_look_for_newer_packages(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path / "project", tmp_path / "cache")
    _lay_out(tomllib.loads((HERE / "conflict-declared.toml").read_text(encoding="utf-8")), place.project)
    root = place.project / "app.opam"
    wanted = root.read_text(encoding="utf-8")
    root.write_text('opam-version: "2.0"\n', encoding="utf-8")
    assert place.mono("lock") == 0
    root.write_text(wanted, encoding="utf-8")
    hint = "hint: no small change to the project would help"
    for options, more in ((), "; mono lock --upgrade looks for newer packages"), (("--upgrade",), ""):
        capfd.readouterr()
        assert place.mono("lock", *options) == 1
        assert capfd.readouterr().err.endswith(f"\n{hint}{more}\n")


def _as_json(place: Place, capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert place.mono("lock", "--json") == 1
    data: dict[str, Any] = json.loads(capfd.readouterr().out)
    of_every_failure = ["error", "code", "place", "hint", "details"]
    assert list(data) == [*of_every_failure, "class", "targets", "steps", "missing", "repairs"]
    assert all(line == line.strip() for step in data["steps"] for line in step["text"])
    return data


def _failure(place: Place) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as caught, HttpClient() as http:
        lock_project(place.project, cache=place.cache, http=http, git=GitClones(place.cache))
    return caught.value


def _check_minimal(failure: NoAnswerError) -> None:
    """Without any one of its reasons what is told would be no failure."""
    relaxation = Relaxation(failure.request, failure.index)
    clash = relaxation.clash()
    assert clash is not None
    for reason in clash.reasons:
        left = [other for other in clash.reasons if other != reason]
        assert not relaxation.clashes(left, clash.platform), f"{reason} could be left out"


def _applied(
    place: Place, failure: NoAnswerError, capfd: pytest.CaptureFixture[str]
) -> Iterator[tuple[int, str]]:
    """What each repair changes in the project; each is seen to help."""
    for number, repair in enumerate(failure.repairs, 1):
        if any(map(by_hand, repair.edits)):
            universe = build_universe(*edited(failure.request, failure.index, repair.edits))
            solution = solve(universe)
            assert isinstance(solution, Solution)
            replay(universe, solution)
            continue
        copy = Place(place.project.with_name(f"repair-{number}"), place.cache)
        shutil.copytree(place.project, copy.project)
        assert copy.mono("lock", "--apply", str(number)) == 0, capfd.readouterr().err
        capfd.readouterr()
        assert (copy.project / "mono.lock").is_file()
        yield number, "".join(_difference(place.project, copy.project))


def _difference(before: Path, after: Path) -> Iterator[str]:
    for path in sorted(after.rglob("*")):
        name = path.relative_to(after)
        if not path.is_file() or name.parts[0] in ("mono.lock", "mono.lock.files"):
            continue
        old = (before / name).read_text(encoding="utf-8") if (before / name).exists() else ""
        new = path.read_text(encoding="utf-8")
        lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))[2:]
        if lines:
            yield f"{name.as_posix()}\n"
            yield from (f"{line}\n" for line in lines if not line.startswith("@@"))


def _written(class_: str, message: str, applied: list[tuple[int, str]]) -> str:
    parts = [f"\n[says]\nclass = \"{class_}\"\nmessage = '''\n{message}'''\n"]
    parts += [
        f"\n[[applied]]\nrepair = {n}\ndifference = '''\n{difference}'''\n" for n, difference in applied
    ]
    return "".join(parts)


# Laying out a world


def _lay_out(told: Mapping[str, Any], project: Path) -> None:
    files: dict[str, str] = told["files"]
    repositories: dict[str, dict[str, Any]] = told.get("repositories") or {"opam": told["packages"]}
    last = list(repositories)[-1]
    packages = {**_compilers(told.get("compilers", ["5.2.0"])), **repositories[last]}
    for name, own in {**repositories, last: packages}.items():
        for identity, fields in own.items():
            folder = project / f"../{name}/packages/{identity.partition('.')[0]}/{identity}"
            folder.mkdir(parents=True)
            (folder / "opam").write_text(_opam_file(identity, fields), encoding="utf-8")
    settings = "".join(f'\n[[repositories]]\nname = "{name}"\nurl = "../{name}"\n' for name in repositories)
    for name, text in {**files, "mono.toml": files.get("mono.toml", "") + settings}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _compilers(versions: list[str]) -> dict[str, Any]:
    packages: dict[str, Any] = {"dune.3.17.0": {"foreign": True, "depends": '"ocaml"'}}
    for version in versions:
        packages[f"ocaml-base-compiler.{version}"] = {"text": "flags: compiler\n"}
        depends = f'depends: ["ocaml-base-compiler" {{= "{version}"}}]'
        packages[f"ocaml.{version}"] = {"text": f"{depends}\nflags: compiler\n"}
    return packages


def _opam_file(identity: str, told: str | dict[str, Any]) -> str:
    fields = {"depends": told} if isinstance(told, str) else dict(told)
    if "text" in fields:
        return f'opam-version: "2.0"\n{fields["text"]}'
    foreign, unverifiable = fields.pop("foreign", False), fields.pop("unverifiable", False)
    depends = fields.pop("depends", "") + ("" if foreign else ' "dune"')
    lines = ['opam-version: "2.0"', f"depends: [{depends}]", 'build: ["build"]']
    lines += [f"{name}: {value}" for name, value in fields.items()]
    digest = hashlib.sha256(identity.encode()).hexdigest()
    lines += ["url {", f'  src: "https://example.org/{identity}.tbz"']
    lines += [] if unverifiable else [f'  checksum: "sha256={digest}"']
    return "\n".join([*lines, "}", ""])
