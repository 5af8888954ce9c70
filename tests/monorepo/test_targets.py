"""Targets: the built-in ones are complete and as documented; a project's own are read strictly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from monorepo.document import Table, UnacceptableError
from monorepo.errors import TargetError
from monorepo.manifest import load_manifest
from monorepo.project import load_project
from monorepo.targets.definition import Check, Companion, Step, Target
from monorepo.targets.reader import define_target, load_target, target_names
from overlays.notation import parse_dependency, read_condition
from solver.formula import holds

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
    required = {parse_dependency(text).name for text in (*target.requires, *target.unikernel_requires)}
    assert set(target.provided) <= required
    assert bool(target.available) == bool(target.unavailable)
    assert not target.available or holds(read_condition(target.available, name), dict(target.variables))
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
    assert [parse_dependency(text).name for text in target.requires] == ["ocaml-solo5", "solo5"]
    (library,) = target.unikernel_requires
    assert parse_dependency(library).name == ("mirage-xen" if SOLO5[name] == "xen" else "mirage-solo5")


@pytest.mark.parametrize("name", ["xen", "qubes", "virtio"])
def test_companions_are_well_formed(name: str) -> None:
    """An XML document for libvirt, and for xl lines that read as Python's assignments of texts and lists."""
    companions = {companion.name: companion.text for companion in load_target(name).companions}
    image = f"hello.{SOLO5[name]}"
    filled = {
        file.replace("%{name}", "hello"): text.replace("%{name}", "hello").replace("%{artefact}", image)
        for file, text in companions.items()
    }
    domain = ElementTree.fromstring(filled.pop("hello_libvirt.xml"))
    assert domain.attrib == {"type": "kvm" if name == "virtio" else "xen"}
    assert [domain.findtext(tag) for tag in ("name", "os/kernel")] == ["hello", image]
    assert list(filled) == ([] if name == "virtio" else ["hello.xl", "hello.xl.in"])
    for file, text in filled.items():
        settings: dict[str, Any] = {}
        exec(re.sub("@MEMORY@", "256", text), {}, settings)
        named = ("@NAME@", "@KERNEL@") if file.endswith(".in") else ("hello", image)
        assert (settings["name"], settings["kernel"]) == named
        assert (settings["type"], settings["memory"]) == ("pvh", 256)
        assert (settings["disk"], settings["vif"]) == ([], [])


def test_genode_is_refused_with_the_reason() -> None:
    with pytest.raises(TargetError, match=r"no bindings for Genode since 0\.7\.0"):
        load_target("genode")


AVAILABLE = {
    "x86_64 linux": set(NAMES) - {"linux-arm64"},
    "arm64 linux": {"host", "unix", "macosx", "hvt", "spt", "rpi4", "linux-arm64"}
    | {"unikraft-qemu", "unikraft-firecracker"},
    "x86_64 freebsd": {"host", "unix", "macosx", "hvt", "spt", "virtio", "muen", "xen", "qubes"},
    "x86_64 openbsd": {"host", "unix", "macosx", "hvt"},
    "arm64 freebsd": {"host", "unix", "macosx"},
    "ppc64 linux": {"host", "unix", "macosx"},
}
"""Where which target can be had: Solo5's bindings by its configure.sh, and the OCaml compilers there are for them."""


@pytest.mark.parametrize("machine", AVAILABLE)
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_had_is_refused_with_the_reason(name: str, machine: str, tmp_path: Path) -> None:
    arch, os = machine.split()
    (tmp_path / "hello.opam").write_text('opam-version: "2.0"\n')
    variables = f'[variables]\narch = "{arch}"\nos = "{os}"\n'
    (tmp_path / "mono.toml").write_text(f'[targets]\nbuild = ["{name}"]\n{variables}')
    manifest = load_manifest(tmp_path)
    if name in AVAILABLE[machine]:
        (target,) = load_project(tmp_path, manifest).targets
        assert (target.available, target.unavailable) == ("", "")  # decided
        return
    with pytest.raises(TargetError) as caught:
        load_project(tmp_path, manifest)
    assert caught.value.place == f"target {name}"
    told = f'cannot be built for with arch = "{arch}" and os = "{os}": {load_target(name).unavailable}'
    assert caught.value.reason == told


@pytest.mark.parametrize("runtime", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_toolchain_is_required_of_every_program(name: str, runtime: bool, tmp_path: Path) -> None:
    depends = '"mirage-runtime"' if runtime else ""
    (tmp_path / "hello.opam").write_text(f'opam-version: "2.0"\ndepends: [{depends}]\n')
    (tmp_path / "mono.toml").write_text(f'[targets]\nbuild = ["{name}"]\n')
    (target,) = load_project(tmp_path, load_manifest(tmp_path)).targets
    known = load_target(name)
    assert target.requires == (*known.requires, *(known.unikernel_requires if runtime else ()))
    assert target.provided == known.provided


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hvtt", '"hvt"?'), ("unikraft-fc", '"unikraft-'), ("???", "here: host, hvt"), ("", "here: host")],
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
        Table(
            {
                "artefacts": ["default/bin/*.exe"],
                "build": ["bin"],
                "variables": {"os-version": "13", "own": True},
            }
        ),
    )
    host = load_target("host")
    assert target.artefacts == ("default/bin/*.exe",)
    assert target.build == ("bin",)
    assert dict(target.variables) == {**dict(host.variables), "os-version": "13", "own": True}
    assert (target.context, target.description) == (host.context, host.description)


def test_a_project_makes_a_target_from_another() -> None:
    target = define_target("kvm", Table({"base": "hvt", "provided": ["solo5"]}))
    assert (target.name, target.provided, target.link_flags) == (
        "kvm",
        ("solo5",),
        load_target("hvt").link_flags,
    )


def test_a_project_makes_a_target_from_nothing() -> None:
    table = {
        "description": "a board",
        "context": "board",
        "toolchain": "board",
        "build": ["image"],
        "artefacts": ["%{context}/image"],
        "checks": [{"tool": "file", "arguments": ["%{artefact}"], "expected": "ARM"}],
        "tools": ["file"],
        "steps": [{"tool": "objcopy", "arguments": ["%{artefact}", "%{output}"], "output": "%{name}.img"}],
        "companions": [
            {"name": "%{name}.cfg", "text": "name = '%{name}'\n"},
            {"name": "board.xml", "file": "board/board.xml"},
        ],
        "disable-dynamic-archives": True,
        "c-flags": ["-Os"],
        "requires": ['"board-toolchain"'],
        "unikernel-requires": ['"board-runtime"'],
        "available": 'arch = "arm64"',
        "unavailable": "the board is an arm64",
    }
    assert define_target("board", Table(table)) == Target(
        name="board",
        description="a board",
        variables=(),
        context="board",
        toolchain="board",
        requires=('"board-toolchain"',),
        unikernel_requires=('"board-runtime"',),
        available='arch = "arm64"',
        unavailable="the board is an arm64",
        c_flags=("-Os",),
        disable_dynamic_archives=True,
        build=("image",),
        artefacts=("%{context}/image",),
        checks=(Check("file", ("%{artefact}",), "ARM"),),
        steps=(Step("objcopy", ("%{artefact}", "%{output}"), "%{name}.img"),),
        companions=(
            Companion("%{name}.cfg", text="name = '%{name}'\n"),
            Companion("board.xml", file="board/board.xml"),
        ),
        tools=("file",),
    )


REFUSED: dict[str, tuple[str, dict[str, Any], tuple[str | int, ...], str]] = {
    "an unknown key": ("host", {"artifacts": []}, ("artifacts",), '"artifacts" is no key'),
    "a filter that is none": ("host", {"available": "arch ="}, ("available",), "is no filter of opam"),
    "a filter without a reason": ("host", {"available": "true"}, ("available",), "nothing says why"),
    "an unknown base": ("mine", {"base": "hvtt"}, ("base",), 'no target "hvtt"'),
    "a base that is refused": ("mine", {"base": "genode"}, ("base",), "no bindings for Genode"),
    "changes to what is refused": ("genode", {"build": ["x"]}, (), "no bindings for Genode"),
    "a base that is no text": ("mine", {"base": 3}, ("base",), "must be a string, not a number"),
    "a text for a list": ("host", {"build": "@install"}, ("build",), "must be an array of strings"),
    "a number in a list": ("host", {"build": [3]}, ("build", 0), "must be a string, not a number"),
    "an empty text": ("host", {"tools": ["file", ""]}, ("tools", 1), "'' is not a line of text"),
    "a line break": ("host", {"link-flags": ["a\nb"]}, ("link-flags", 0), "is not a line of text"),
    "a number for a truth": ("host", {"disable-dynamic-archives": 1}, ("disable-dynamic-archives",), "true or false"),
    "a list for variables": ("host", {"variables": []}, ("variables",), "must be a table"),
    "a table for a variable": ("host", {"variables": {"os": {}}}, ("variables", "os"), "must be a string"),
    "a text for checks": ("host", {"checks": "x"}, ("checks",), "must be an array of tables"),
    "half a check": ("host", {"checks": [{"tool": "x"}]}, ("checks", 0), 'has no "expected"'),
    "a step without output": ("host", {"steps": [{"tool": "x"}]}, ("steps", 0), 'has no "output"'),
    "an output in a folder": ("host", {"steps": [{"tool": "x", "output": "a/b"}]}, ("steps", 0, "output"), "not the name of a file"),
    "an output that leads out": ("host", {"steps": [{"tool": "x", "output": ".."}]}, ("steps", 0, "output"), "not the name of a file"),
    "a companion of nothing": ("host", {"companions": [{"name": "x"}]}, ("companions", 0, "name"), "either a text or a file"),
    "a companion of two minds": ("host", {"companions": [{"name": "x", "text": "", "file": "x"}]}, ("companions", 0, "name"), "either a text or a file"),
    "a companion from outside": ("host", {"companions": [{"name": "x", "file": "../x"}]}, ("companions", 0, "file"), "not a file of the project"),
    "no artefacts": ("host", {"artefacts": []}, ("artefacts",), "host has no artefacts"),
    "nothing at all": ("mine", {}, ("build",), "mine has no build"),
    "a context that is no name": ("hvt", {"context": "so lo"}, ("context",), "cannot name a dune context"),
    "a toolchain in the default context": ("host", {"toolchain": "x"}, ("toolchain",), "cannot be called"),
    "a name that is a path": ("../mine", {"base": "host"}, (), "cannot name a target"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    name, table, path, reason = REFUSED[case]
    with pytest.raises(UnacceptableError) as caught:
        define_target(name, Table(table, ("targets", name)))
    assert caught.value.path == ("targets", name, *path)
    assert reason in caught.value.reason
