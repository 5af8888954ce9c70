"""A workflow for GitHub Actions: .github/workflows/mono.yml."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from monorepo.ci.document import render
from monorepo.ci.jobs import BUBBLEWRAP, Job, opam_repositories, plan_jobs
from monorepo.lock.model import Lock

_REMARK = "Printed by mono ci github; print it anew when targets or toolchains change in mono.lock."

_RUNNERS = {"linux": "ubuntu-24.04", "macos": "macos-15"}
_DISTRIBUTION = "ubuntu"
_SANDBOX = "sudo sysctl --write kernel.apparmor_restrict_unprivileged_userns=0"
"""Ubuntu lets no program without a profile make a sandbox, unless this says so."""
_PYTHON = "3.13"
_CONTEXT = "contexts/${{ matrix.target }}"
_RECORD = f"{_CONTEXT}/build-record.json"

Step = dict[str, object]


def github_workflow(lock: Lock, *, mono: str, reproduce: bool = False) -> str:
    """The text of a workflow that checks, builds and verifies what ``lock`` says.

    ``mono`` is what pipx is to install. With ``reproduce`` each target is built once more, on another
    machine.
    """
    rows = [_row(job) for job in plan_jobs(lock, _DISTRIBUTION)]
    build = {
        "runs-on": "${{ matrix.runner }}",
        "strategy": {"fail-fast": False, "matrix": {"include": rows}},
    }
    jobs: dict[str, object] = {
        "lock": {
            "runs-on": _RUNNERS["linux"],
            "steps": [*_mono(), {"run": "mono lock --check"}, {"run": "mono pull"}],
        },
        "build": {"needs": "lock", **build, "steps": [*_prepared(lock), *_built()]},
    }
    if reproduce:
        jobs["reproduce"] = {"needs": "build", **build, "steps": [*_prepared(lock), *_reproduced()]}
    document = {
        "name": "mono",
        "on": {"push": None, "pull_request": None},
        "permissions": {"contents": "read"},
        "env": {"MONO": mono},
        "jobs": jobs,
    }
    return render(_REMARK, document)


def _row(job: Job) -> dict[str, str]:
    wanted = shlex.join(job.installed)
    apt = f"{_SANDBOX} && sudo apt-get update && sudo apt-get install --yes {BUBBLEWRAP} {wanted}"
    brew = f"brew install {wanted}" if wanted else "true"
    return {
        "target": job.target,
        "runner": _RUNNERS[job.system],
        "compiler": job.compiler,
        "packages": shlex.join(job.packages),
        "install": apt.rstrip() if job.system == "linux" else brew,
    }


def _mono() -> Sequence[Step]:
    """The sources, mono, and what it has kept for this lock."""
    return [
        {"uses": "actions/checkout@v6"},
        {"uses": "actions/setup-python@v6", "with": {"python-version": _PYTHON}},
        {"run": 'pipx install "$MONO"'},
        {
            "uses": "actions/cache@v5",
            "with": {"path": "~/.cache/mono", "key": "mono-${{ hashFiles('mono.lock') }}"},
        },
    ]


def _prepared(lock: Lock) -> Sequence[Step]:
    """All that a context needs, and the context."""
    repositories = "".join(f"{name}: {url}\n" for name, url in opam_repositories(lock))
    return [
        *_mono(),
        {
            "uses": "ocaml/setup-ocaml@v3",
            "with": {
                "ocaml-compiler": "${{ matrix.compiler }}",
                **({"opam-repositories": repositories} if repositories else {}),
                "opam-pin": False,
            },
        },
        {"run": "${{ matrix.install }}"},
        {"run": "opam install --yes ${{ matrix.packages }}"},
        {"run": "mono pull"},
        {"run": "mono contexts"},
    ]


def _built() -> Sequence[Step]:
    return [
        {
            "name": "Verify against the committed record",
            "if": "hashFiles(format('contexts/{0}/build-record.json', matrix.target)) != ''",
            "run": f"opam exec -- mono-build --verify {_RECORD}",
        },
        {"run": f"opam exec -- mono-build {_CONTEXT}"},
        {
            "uses": "actions/upload-artifact@v6",
            "with": {
                "name": "${{ matrix.target }}",
                "path": f"{_CONTEXT}/artefacts\n{_CONTEXT}/sbom\n{_RECORD}\n",
                "if-no-files-found": "error",
            },
        },
    ]


def _reproduced() -> Sequence[Step]:
    """The record is put where it is none of the sources: those have no dot before their names."""
    return [
        {
            "uses": "actions/download-artifact@v7",
            "with": {"name": "${{ matrix.target }}", "path": ".recorded"},
        },
        {"run": f"opam exec -- mono-build --verify .recorded/build-record.json {_CONTEXT}"},
    ]
