"""Workflows follow from the lock, and are what the forges' published schemas ask for.

After a wanted change, `UPDATE_GOLDEN=1 pytest tests/monorepo/test_ci.py` writes the golden files anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from monorepo.ci import Job, github_workflow, gitlab_pipeline, plan_jobs
from monorepo.ci.jobs import opam_repositories
from monorepo.errors import TargetError
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedRepository, SystemPackages
from monorepo.targets.reader import load_target, target_names

GOLDEN = Path(__file__).parent / "golden" / "ci"
MONO = "mono==0.1.0"
FORGES = {"github": github_workflow, "gitlab": gitlab_pipeline}
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
SYSTEM = {
    'os-distribution = "ubuntu"': "ubuntus-gmp",
    'os-distribution = "debian"': "debians-gmp",
    'os-family = "debian"': "libgmp-dev",
    'os-distribution = "homebrew" & os = "macos"': "gmp",
}


def lock_for(*names: str, unikernel: bool = False) -> Lock:
    """A lock for these targets: a root that needs greet, gmp of the system and, for Solo5, its toolchain."""

    def package(
        name: str, version: str, kind: Kind, *needs: str, on: tuple[str, ...] = names
    ) -> LockedPackage:
        directory = name if kind is Kind.VENDORED else None
        return LockedPackage(name, version, kind, "", on, dependencies=needs, directory=directory)

    solo5 = tuple(name for name in names if load_target(name).context == "solo5")
    tools = ("mirage",) if unikernel else ()
    packages = [
        package("hello", "dev", Kind.ROOT, "greet", "dune", "ocaml", *tools),
        package("greet", "1.0", Kind.VENDORED, "dune", "conf-gmp"),
        package("conf-gmp", "1", Kind.VIRTUAL),
        package("dune", "3.17.2", Kind.PROVIDED, "ocaml"),
        package("ocaml", "5.4.1", Kind.COMPILER, "ocaml-base-compiler"),
        package("ocaml-base-compiler", "5.4.1", Kind.COMPILER),
    ]
    if solo5:
        packages += [
            package("ocaml-solo5", "1.3.4", Kind.PROVIDED, "solo5", "ocamlfind", on=solo5),
            package("ocamlfind", "1.9.8", Kind.PROVIDED, on=solo5),
            package("solo5", "0.12.1", Kind.PROVIDED, on=solo5),
        ]
    if unikernel:
        packages += [
            package("mirage", "4.11.1", Kind.PROVIDED, "uri", "opam-monorepo"),
            package("opam-monorepo", "0.4.3", Kind.PROVIDED),
            package("uri", "4.4.0", Kind.PROVIDED),
        ]
    return Lock(
        project="hello",
        inputs="sha256:0",
        roots=("hello",),
        repositories=(
            LockedRepository("ours", "repository", content="sha256:0"),
            LockedRepository("beside", "../elsewhere", content="sha256:0"),
            LockedRepository("overlays", "git+https://example.org/overlays.git#main", commit="a" * 40),
            LockedRepository("packed", "https://example.org/packed.tar.gz", content="sha256:0"),
            LockedRepository("opam", "git+https://example.org/opam.git", commit="b" * 40),
        ),
        variables=(),
        targets=tuple(map(load_target, names)),
        packages=tuple(packages),
        sources=(),
        system_packages=tuple(SystemPackages(when, (name,), ("conf-gmp",)) for when, name in SYSTEM.items()),
    )


CASES: dict[str, tuple[tuple[str, ...], bool]] = {
    "host": (("host",), False),
    "several-reproduced": (("host", "hvt", "linux-musl", "xen"), True),
    "macosx": (("host", "macosx"), True),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("forge", FORGES)
def test_golden(forge: str, case: str) -> None:
    names, reproduce = CASES[case]
    text = FORGES[forge](lock_for(*names), mono=MONO, reproduce=reproduce)
    golden = GOLDEN / f"{case}.{forge}.yml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("forge", FORGES)
def test_what_the_published_schema_says(forge: str, tmp_path: Path) -> None:
    """For every target alone, all at once, and a requirement that looks like YAML."""
    linux = [name for name in target_names() if name != "macosx"]
    locks = {name: lock_for(name) for name in linux} | {"all": lock_for(*target_names())}
    locks["bare"] = replace(lock_for("host"), repositories=(), system_packages=())
    files = []
    for name, lock in locks.items():
        for reproduce in (False, True):
            files.append(tmp_path / f"{name}-{reproduce}.yml")
            text = FORGES[forge](lock, mono="git+https://example.org/mono.git@{v: 1}", reproduce=reproduce)
            files[-1].write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[forge], *map(str, files)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "wrong.yml").write_text(
        files[0].read_text().replace("needs: lock", "needs: 3").replace("stages:", "stages: 3 #")
    )
    wrong = subprocess.run([*command[:5], str(tmp_path / "wrong.yml")], capture_output=True, check=False)
    assert wrong.returncode != 0  # the schema is one that refuses something


def scripts(document: object) -> Iterator[str]:
    """Every command of a workflow."""
    match document:
        case Mapping():
            for key, value in document.items():
                if key in ("run", "install") and isinstance(value, str):
                    yield value
                elif key in ("script", "before_script"):
                    yield from value
                else:
                    yield from scripts(value)
        case list():
            for value in document:
                yield from scripts(value)


@pytest.mark.parametrize("forge", FORGES)
def test_every_command_is_one_for_a_shell(forge: str) -> None:
    lock = lock_for("host", "hvt", "linux-arm64", "rpi4", unikernel=True)
    lines = list(scripts(read(FORGES[forge](lock, mono=MONO, reproduce=True))))
    assert "mono lock --check" in lines
    for line in lines:
        plain = line.replace("${{", "'").replace("}}", "'")
        subprocess.run(["sh", "-n", "-c", plain], check=True)


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("reproduce", [False, True])
@pytest.mark.parametrize("forge", FORGES)
def test_the_jobs_and_their_order(forge: str, reproduce: bool) -> None:
    document = read(FORGES[forge](lock_for("host", "hvt"), mono=MONO, reproduce=reproduce))
    if forge == "github":
        jobs = document["jobs"]
        assert {name: job.get("needs") for name, job in jobs.items()} == (
            {"lock": None, "build": "lock"} | ({"reproduce": "build"} if reproduce else {})
        )
        rows = [row["target"] for row in jobs["build"]["strategy"]["matrix"]["include"]]
        assert set(document) >= {"on", "permissions"}
        used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
        assert all(len(action.split("@v")) == 2 and action.split("@v")[1].isdigit() for action in used)
    else:
        assert document["stages"] == ["lock", "build", *(["reproduce"] if reproduce else [])]
        assert document["default"]["cache"]["key"] == {"files": ["mono.lock"]}
        rows = [row["TARGET"] for row in document["build"]["parallel"]["matrix"]]
    assert rows == ["host", "hvt"]


def test_what_a_job_installs() -> None:
    host, hvt, arm64, rpi4 = plan_jobs(lock_for("host", "hvt", "linux-arm64", "rpi4", unikernel=True))
    compiler = "ocaml-base-compiler.5.4.1"
    gmp = ("debians-gmp", "libgmp-dev")
    assert host == Job("host", compiler, ("dune.3.17.2",), "linux", gmp, None)
    solo5 = ("dune.3.17.2", "ocaml-solo5.1.3.4", "ocamlfind.1.9.8", "solo5.0.12.1")
    assert hvt == Job("hvt", compiler, solo5, "linux", gmp, None)
    assert (arm64.installed, arm64.toolchain) == (("binutils", *gmp), "arm64")
    assert (rpi4.installed, rpi4.toolchain) == (("binutils-aarch64-linux-gnu", *gmp), "rpi4")


def test_the_system_that_it_is_built_on() -> None:
    lock = lock_for("host", "macosx")
    assert [job.installed for job in plan_jobs(lock, "ubuntu")] == [("libgmp-dev", "ubuntus-gmp"), ("gmp",)]
    assert [job.system for job in plan_jobs(lock)] == ["linux", "macos"]
    with pytest.raises(TargetError, match="every target is built on macOS"):
        gitlab_pipeline(lock_for("macosx"), mono=MONO)


def test_a_compiler_with_options() -> None:
    lock = lock_for("host")
    options = [
        LockedPackage("ocaml-variants", "5.4.1+options", Kind.COMPILER, "", ("host",)),
        LockedPackage("ocaml-option-flambda", "1", Kind.COMPILER, "", ("host",)),
    ]
    packages = [package for package in lock.packages if package.name != "ocaml-base-compiler"]
    (job,) = plan_jobs(replace(lock, packages=(*packages, *options)))
    assert job.compiler == "ocaml-variants.5.4.1+options,ocaml-option-flambda.1"


def test_repositories_that_another_machine_has() -> None:
    assert opam_repositories(lock_for("host")) == (
        ("ours", "./repository"),
        ("overlays", f"git+https://example.org/overlays.git#{'a' * 40}"),
        ("opam", f"git+https://example.org/opam.git#{'b' * 40}"),
    )
