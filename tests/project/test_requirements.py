"""The locks of Python packages say what pyproject.toml asks for, by hash, and name no registry."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.places import ROOT

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\$")


def pins(lock: Path) -> dict[str, str]:
    found = (PINNED.match(line) for line in lock.read_text("utf-8").splitlines())
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def asked(*tables: Iterable[str]) -> list[Requirement]:
    return [Requirement(text) for table in tables for text in table]


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME = asked(PYPROJECT["project"]["dependencies"], PYPROJECT["build-system"]["requires"])
DEVELOPMENT = asked(PYPROJECT["project"]["optional-dependencies"]["dev"])


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [("requirements.lock", RUNTIME), ("requirements-dev.lock", RUNTIME + DEVELOPMENT)],
)
def test_a_lock_answers_pyproject(lock: str, requirements: list[Requirement]) -> None:
    locked = pins(ROOT / lock)
    for requirement in requirements:
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run make lock-requirements"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is {version}"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_is_hashed_and_names_no_registry(lock: str) -> None:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    said = [line for line in lines if line and not line.lstrip().startswith("#")]
    entries = "\n".join(said).replace("\\\n", "").splitlines()
    assert len(entries) == len(pins(ROOT / lock)) > 10
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert not [line for line in lines if "://" in line or line.startswith("--")]


def test_both_locks_agree() -> None:
    development = pins(ROOT / "requirements-dev.lock")
    for name, version in pins(ROOT / "requirements.lock").items():
        assert development[name] == version
