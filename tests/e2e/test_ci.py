"""The workflows that mono prints, played: their commands run on this machine, whose OCaml and dune opam would bring."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fixtures.world import World
from tests.builder.projects import write_script
from tests.support.programs import Program

pytestmark = [pytest.mark.ocaml, pytest.mark.long]


@pytest.fixture
def environment(mono: Program, tmp_path: Path) -> Mapping[str, str]:
    """A machine of a forge: opam and what installs programs have nothing left to do."""
    tools = tmp_path / "forge"
    for installer in ("apt-get", "brew", "pipx", "sudo"):
        write_script(tools, installer, "true")
    write_script(tools, "opam", '[ "$1" != exec ] || { shift 2; exec "$@"; }')
    path = f"{tools}:{mono.executable.parent}:{os.environ['PATH']}"
    return {**mono.environment, "PATH": path}


class Forge:
    """Plays jobs in ``project``; what one uploads the next can download."""

    def __init__(self, project: Path, environment: Mapping[str, str]) -> None:
        self.project = project
        self.environment = environment
        self.uploaded = project.with_name("uploaded")

    def run(self, script: str, **variables: str) -> None:
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.project,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    def upload(self, *paths: str) -> None:
        for path in paths:
            source, place = self.project / path, self.uploaded / Path(path).name
            place.parent.mkdir(exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, place)


def played_on_github(forge: Forge, job: Mapping[str, Any], env: Mapping[str, str]) -> None:
    rows = job["strategy"]["matrix"]["include"] if "strategy" in job else [{}]
    for row in rows:

        def filled(text: str, row: Mapping[str, str] = row) -> str:
            return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda place: row[place[1]], text)

        for step in job["steps"]:
            action = step.get("uses", "").partition("@")[0]
            record = forge.project / "contexts" / row.get("target", "") / "build-record.json"
            if "run" in step and ("if" not in step or record.exists()):
                forge.run(filled(step["run"]), **env)
            elif action == "actions/upload-artifact":
                forge.upload(*filled(step["with"]["path"]).split())
            elif action == "actions/download-artifact":
                shutil.copytree(forge.uploaded, forge.project / step["with"]["path"])


def played_on_gitlab(forge: Forge, job: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    for row in job["parallel"]["matrix"] if "parallel" in job else [{}]:
        lines = [*document["default"]["before_script"], *job["script"]]
        variables = {**document["variables"], "CI_PROJECT_DIR": str(forge.project), **row}
        variables["MONO_CACHE"] = forge.environment["MONO_CACHE"]
        forge.run("\n".join(lines), **variables)
        for path in job.get("artifacts", {}).get("paths", ()):
            assert (forge.project / path.replace("$TARGET", row["TARGET"])).exists()


def printed(mono: Program, project: Path, *arguments: str) -> Any:
    text = mono("ci", *arguments, folder=project).succeeded().stdout
    return YAML(typ="safe", pure=True).load(text)


def test_what_github_does(buildable_world: World, mono: Program, environment: Mapping[str, str]) -> None:
    """The second time there is a record, as if it had been committed: what was built is verified before."""
    project = buildable_world.project
    mono("lock", folder=project).succeeded()
    document = printed(mono, project, "github", "--reproduce")
    jobs, env = document["jobs"], document["env"]
    forge = Forge(project, environment)
    played_on_github(forge, jobs["lock"], env)
    played_on_github(forge, jobs["build"], env)
    assert {path.name for path in forge.uploaded.iterdir()} == {"artefacts", "sbom", "build-record.json"}
    played_on_github(forge, jobs["reproduce"], env)
    shutil.rmtree(forge.uploaded)
    played_on_github(forge, jobs["build"], env)

    changed = project / "bin/usage.txt"
    changed.write_text(changed.read_text() + "\n")
    with pytest.raises(AssertionError, match=r"mono-build --verify contexts/host/build-record\.json"):
        played_on_github(forge, jobs["build"], env)


def test_what_gitlab_does(buildable_world: World, mono: Program, environment: Mapping[str, str]) -> None:
    project = buildable_world.project
    mono("lock", folder=project).succeeded()
    document = printed(mono, project, "gitlab", "--reproduce")
    forge = Forge(project, environment)
    for name in document["stages"]:
        played_on_gitlab(forge, document[name], document)


def test_a_stale_lock_fails(buildable_world: World, mono: Program, environment: Mapping[str, str]) -> None:
    project = buildable_world.project
    mono("lock", folder=project).succeeded()
    document = printed(mono, project, "github")
    opam = project / "logbook.opam"
    opam.write_text(opam.read_text().replace('  "palette"\n', '  "embed"\n'))
    with pytest.raises(AssertionError, match=r"mono lock --check\n(?s:.*)palette"):
        played_on_github(Forge(project, environment), document["jobs"]["lock"], document["env"])
