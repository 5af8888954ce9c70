"""A pipeline for GitLab: .gitlab-ci.yml."""

from __future__ import annotations

import shlex

from monorepo.ci.document import render
from monorepo.ci.jobs import BUBBLEWRAP, Job, opam_repositories, plan_jobs
from monorepo.errors import TargetError
from monorepo.lock.format import FILE
from monorepo.lock.model import Lock

_REMARK = "Printed by mono ci gitlab; print it anew when targets or toolchains change in mono.lock."

SYSTEM = "linux"
"""On which all jobs run."""

_IMAGE = "debian:12"
_DISTRIBUTION = "debian"
_INSTALLED = f"{BUBBLEWRAP} build-essential ca-certificates git opam pipx unzip"
_CONTEXT = "contexts/$TARGET"
_RECORD = f"{_CONTEXT}/build-record.json"


def gitlab_pipeline(lock: Lock, *, mono: str, reproduce: bool = False) -> str:
    """The text of a pipeline that checks, builds and verifies what ``lock`` says.

    ``mono`` is what pipx is to install. With ``reproduce`` each target is built once more, by another job.
    Targets that are built on macOS are left out: no image is theirs.

    Raises:
        TargetError: no other target is there.
    """
    jobs = [job for job in plan_jobs(lock, _DISTRIBUTION) if job.system == SYSTEM]
    if not jobs:
        raise TargetError("every target is built on macOS, for which a pipeline of images has no place", FILE)
    build = {"parallel": {"matrix": [_row(job) for job in jobs]}}
    document: dict[str, object] = {
        "stages": ["lock", "build", *(["reproduce"] if reproduce else [])],
        "variables": {
            "MONO": mono,
            "MONO_CACHE": "$CI_PROJECT_DIR/.cache/mono",
            "OPAMYES": "1",
        },
        "default": {
            "image": _IMAGE,
            "cache": {"key": {"files": ["mono.lock"]}, "paths": [".cache/mono"]},
            "before_script": [
                "apt-get update -qq",
                f"apt-get install -qq --yes --no-install-recommends {_INSTALLED} $INSTALLED",
                'pipx install "$MONO"',
                'export PATH="$HOME/.local/bin:$PATH"',
            ],
        },
        "lock": {"stage": "lock", "script": ["mono lock --check", "mono pull"]},
        "build": {
            "stage": "build",
            **build,
            "script": [
                *_prepared(lock),
                f"if [ -f {_RECORD} ]; then opam exec -- mono-build --verify {_RECORD}; fi",
                f"opam exec -- mono-build {_CONTEXT}",
            ],
            "artifacts": {"paths": [f"{_CONTEXT}/artefacts", f"{_CONTEXT}/sbom", _RECORD]},
        },
    }
    if reproduce:
        document["reproduce"] = {
            "stage": "reproduce",
            "needs": ["build"],
            **build,
            "script": [*_prepared(lock), f"opam exec -- mono-build --verify {_RECORD}"],
        }
    return render(_REMARK, document)


def _row(job: Job) -> dict[str, str]:
    row = {"TARGET": job.target, "COMPILER": job.compiler, "PACKAGES": " ".join(job.packages)}
    return row | ({"INSTALLED": " ".join(job.installed)} if job.installed else {})


def _prepared(lock: Lock) -> list[str]:
    """All that a context needs, and the context; the first of several repositories counts most."""
    repositories = opam_repositories(lock)
    first, *others = [shlex.join(repository) for repository in repositories] or [""]
    return [
        f"opam init --bare --no-setup --disable-sandboxing {first}".rstrip(),
        *(f"opam repository add --dont-select {other}" for other in others),
        'opam switch create mono --packages="$COMPILER"'
        + (f" --repositories={','.join(name for name, _ in repositories)}" if repositories else ""),
        "opam install $PACKAGES",
        "mono pull",
        "mono contexts",
    ]
