"""Targets: the built-in ones are complete and as documented; a project's own are read strictly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from monorepo.errors import ManifestError, MonoError, TargetError
from monorepo.targets.definition import Check, Target
from monorepo.targets.reader import define_target, load_target, target_names

NAMES = [
    "host",
    "hvt",
    "linux-arm64",
    "linux-musl",
    "macosx",
    "muen",
    "qubes",
    "rpi4",
    "spt",
    "unikraft-firecracker",
    "unikraft-qemu",
    "unix",
    "virtio",
    "xen",
]
SOLO5 = {"hvt": "hvt", "spt": "spt", "virtio": "virtio", "muen": "muen", "xen": "xen", "qubes": "xen"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "targets.md"


def test_the_built_in_targets() -> None:
    assert list(target_names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_is_complete(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert target.description
    assert target.build and target.artefacts
    assert list(target.variables) == sorted(target.variables)
    assert {"arch", "os", "os-family", "os-distribution", "os-version", "opam-version"} <= dict(
        target.variables
    ).keys()
    assert (target.context == "default") == (target.toolchain is None)
    required = {re.match(r'"([^"]+)"', dependency).group(1) for dependency in target.requires}  # type: ignore[union-attr]
    assert set(target.provided) <= required
    assert f"`{name}`" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SOLO5)
def test_solo5(name: str) -> None:
    target = load_target(name)
    assert (target.context, target.toolchain, target.disable_dynamic_archives) == ("solo5", "solo5", True)
    assert target.link_flags == ("-cclib", f"-z solo5-abi={SOLO5[name]}")
    assert target.artefacts == (f"%{{context}}/dist/*.{SOLO5[name]}",)
    assert target.checks[0] == Check(
        "solo5-elftool", ("query-abi", "%{artefact}"), f'"target": "{SOLO5[name]}"'
    )
    assert target.provided == ("ocaml-solo5", "solo5")
    assert target.requires[2].startswith('"mirage-xen"' if SOLO5[name] == "xen" else '"mirage-solo5"')


def test_genode_is_refused_with_the_reason() -> None:
    with pytest.raises(TargetError, match=r"no bindings for Genode since 0\.7\.0"):
        load_target("genode")
    with pytest.raises(TargetError, match="Genode"):
        define_target("mine", {"base": "genode"})


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hvtt", '"hvt"?'), ("unikraft-fc", '"unikraft-'), ("???", "are host, hvt"), ("", "are host")],
)
def test_an_unknown_target(name: str, hint: str) -> None:
    with pytest.raises(TargetError, match="there is no target") as caught:
        load_target(name)
    assert hint in caught.value.hint


def test_bases_are_no_targets() -> None:
    for name in ("solo5", "linux", "unikraft", "bases/solo5", "../data/hvt"):
        with pytest.raises(TargetError, match="there is no target"):
            load_target(name)


def test_a_project_changes_a_built_in_target() -> None:
    target = define_target(
        "host",
        {
            "artefacts": ["default/bin/*.exe"],
            "build": ["bin"],
            "variables": {"os-version": "13", "own": True},
        },
    )
    host = load_target("host")
    assert target.artefacts == ("default/bin/*.exe",)
    assert target.build == ("bin",)
    assert dict(target.variables) == {**dict(host.variables), "os-version": "13", "own": True}
    assert (target.context, target.description) == (host.context, host.description)


def test_a_project_makes_a_target_from_another() -> None:
    target = define_target("kvm", {"base": "hvt", "provided": ["solo5"]})
    assert (target.name, target.provided, target.link_flags) == (
        "kvm",
        ("solo5",),
        load_target("hvt").link_flags,
    )
    again = define_target("kvm2", {"link-flags": []}, target)
    assert (again.name, again.provided, again.link_flags) == ("kvm2", ("solo5",), ())


def test_a_project_makes_a_target_from_nothing() -> None:
    table = {
        "description": "a board",
        "context": "board",
        "toolchain": "board",
        "build": ["image"],
        "artefacts": ["%{context}/image"],
        "checks": [{"tool": "file", "arguments": ["%{artefact}"], "expected": "ARM"}],
        "tools": ["file"],
        "disable-dynamic-archives": True,
        "c-flags": ["-Os"],
        "requires": ['"board-runtime"'],
    }
    assert define_target("board", table) == Target(
        name="board",
        description="a board",
        variables=(),
        context="board",
        toolchain="board",
        requires=('"board-runtime"',),
        c_flags=("-Os",),
        disable_dynamic_archives=True,
        build=("image",),
        artefacts=("%{context}/image",),
        checks=(Check("file", ("%{artefact}",), "ARM"),),
        tools=("file",),
    )


REFUSED: dict[str, tuple[str, dict[str, Any], type[MonoError], str]] = {
    "an unknown key": ("host", {"artifacts": []}, ManifestError, '"artifacts" is not a key'),
    "a key of data files alone": ("host", {"refused": "no"}, ManifestError, '"refused" is not a key'),
    "an unknown base": ("mine", {"base": "hvtt"}, TargetError, 'no target "hvtt"'),
    "a base that is no text": ("mine", {"base": 3}, ManifestError, "base must be a line of text"),
    "a text for a list": ("host", {"build": "@install"}, ManifestError, "build must be a list of texts"),
    "a number in a list": ("host", {"build": [3]}, ManifestError, "each of build must be a line"),
    "an empty text": ("host", {"tools": [""]}, ManifestError, "each of tools"),
    "a line break": ("host", {"link-flags": ["a\nb"]}, ManifestError, "each of link-flags"),
    "a number for a truth": ("host", {"disable-dynamic-archives": 1}, ManifestError, "true or false"),
    "a list for variables": ("host", {"variables": []}, ManifestError, "variables must be a table"),
    "a number for a variable": ("host", {"variables": {"os": 3}}, ManifestError, r"variables\.os must be"),
    "a text for checks": ("host", {"checks": "x"}, ManifestError, "checks must be a list"),
    "half a check": ("host", {"checks": [{"tool": "x"}]}, ManifestError, "each of checks"),
    "no artefacts": ("host", {"artefacts": []}, ManifestError, "host has no artefacts"),
    "nothing at all": ("mine", {}, ManifestError, "mine has no build"),
    "a context that is no name": ("hvt", {"context": "so lo"}, ManifestError, "cannot name a dune context"),
    "a toolchain in the default context": ("host", {"toolchain": "x"}, ManifestError, "cannot be called"),
    "a name that is a path": ("../mine", {"base": "host"}, ManifestError, "cannot name a target"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    name, table, error, reason = REFUSED[case]
    with pytest.raises(error, match=reason):
        define_target(name, table, place="mono.toml, line 7")


def test_an_unknown_key_names_the_nearest_and_the_place() -> None:
    with pytest.raises(ManifestError) as caught:
        define_target("host", {"artifacts": []}, place="mono.toml:7")
    assert caught.value.place == "mono.toml:7"
    assert caught.value.hint == 'did you mean "artefacts"?'
