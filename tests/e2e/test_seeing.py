"""What is told of a real lock is true of real repositories, and told at once."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.programs import Program

pytestmark = [pytest.mark.shared, pytest.mark.long]

MOST_SECONDS = 5.0


def test_a_workstation_is_looked_at(
    tmp_path: Path, mono: Program, shared: Path, opam_repository: Path, opam_overlays: Path
) -> None:
    root = shared / "data" / "roots" / "workstation.opam"
    (tmp_path / root.name).write_bytes(root.read_bytes())
    repositories = {"dune-universe": opam_overlays, "opam": opam_repository}
    text = "".join(f'[[repositories]]\nname = "{n}"\nurl = "{u}"\n' for n, u in repositories.items())
    (tmp_path / "mono.toml").write_text(f'{text}[variables]\nmonorepo = "opam-monorepo"\n', encoding="utf-8")
    mono("lock", folder=tmp_path).succeeded()

    def data(*arguments: str) -> list[dict[str, object]]:
        return json.loads(mono(*arguments, "--json", folder=tmp_path).succeeded().stdout)  # type: ignore[no-any-return]

    started = time.monotonic()
    standings = data("outdated")
    assert time.monotonic() - started < MOST_SECONDS
    assert len(standings) > 150
    held = {str(s["name"]): s for s in standings if s["held"]}
    assert held and all(s["outdated"] for s in held.values())
    assert all(s["available"] == [s["locked"]] for s in standings), "the lock was made just now"

    refused = [
        s for s in held.values() if s["held"]["because"] in ("refused", "needs", "rejected", "conflicts")
    ]  # type: ignore[index]
    assert refused
    for standing in refused[:6]:
        version = standing["held"]["version"]  # type: ignore[index]
        told = json.loads(
            mono("why-not", f"{standing['name']}.{version}", "--json", folder=tmp_path).succeeded().stdout
        )
        assert told["answer"] != "locked"
        assert told["explanation"] or {cause["because"] for cause in told["causes"]} & {
            "sets_back",
            "avoided",
        }

    (lwt,) = data("why", "lwt")
    lengths = [len(path) for path in lwt["paths"]]  # type: ignore[attr-defined]
    assert len(lengths) == 20 and lengths == sorted(lengths) and lwt["more"]
    ends = {path[-2]["name"] for path in lwt["paths"]}  # type: ignore[attr-defined]
    assert ends <= {dependent["name"] for dependent in lwt["dependents"]}  # type: ignore[attr-defined]
    names = {branch["name"] for branch in data("tree")}
    assert names == {package["name"] for package in data("list")}
    assert (
        mono("why-not", "ocamlfind.1.9.8", folder=tmp_path)
        .succeeded()
        .stdout.startswith("ocamlfind 1.9.8 cannot")
    )
