"""What mirage configured is recognised by its opam file; each of its targets is locked and has its context."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures.mirage import BACKENDS, write_unikernel
from fixtures.world import World, add_unikernels
from monorepo.cli.run import run
from monorepo.errors import ManifestError, TargetError
from monorepo.lock.model import Kind
from monorepo.lock.reader import load_lock
from monorepo.manifest import Manifest, load_manifest
from monorepo.mirage import Unikernel

TARGETS = [target for target in BACKENDS if target != "genode"]
REPOSITORIES = """
x-opam-monorepo-opam-repositories: [
  "file://$OPAM_MONOREPO_CWD/../unikernels"
  "file://$OPAM_MONOREPO_CWD/../repository"
]
"""


def tree(folder: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def unikernel_of(folder: Path) -> Unikernel:
    unikernel = load_manifest(folder).unikernel
    assert unikernel is not None
    return unikernel


def rewritten(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_locked_pulled_and_has_its_context(target: str, own_world: World) -> None:
    """Without a mono.toml: all that is asked for stands in what mirage wrote, none of which changes."""
    add_unikernels(own_world)
    project = own_world.folder / "hello"
    write_unikernel(project, target, fields=REPOSITORIES)
    before, backend = tree(project), BACKENDS[target]
    for stage in ("lock", "pull", "contexts"):
        assert run(["-C", str(project), "--cache-dir", str(own_world.folder / "cache"), "-q", stage]) == 0
    assert {path: text for path, text in tree(project).items() if path in before} == before

    lock = load_lock(project)
    kinds = {kind: {p.name for p in lock.packages if p.kind is kind} for kind in Kind}
    libraries = {"duration", "lwt", "mirage-ptime", "mirage-runtime", f"mirage-{backend.system}"}
    assert kinds[Kind.VENDORED] == libraries == {path.name for path in (project / "duniverse").glob("[!.]*/")}
    installed = {entry.partition(" ")[0].strip('"') for entry in backend.installed}
    assert kinds[Kind.PROVIDED] - {"ocamlfind"} == {"dune", "mirage", "opam-monorepo"} | installed
    assert kinds[Kind.ROOT] == {f"hello-{target}"}
    assert dict(lock.variables) == {"monorepo": "opam-monorepo"}
    assert [locked.name for locked in lock.targets] == [target]

    context = json.loads((project / "contexts" / target / "context.json").read_text(encoding="utf-8"))
    assert context["dune"]["context"] == backend.context
    assert context["dune"]["arguments"][-1] == "dist"
    assert context["artefacts"] == [f"{backend.context}/dist/hello{backend.ending}"]
    companions = {one["name"]: one.get("file") for one in context["companions"]}
    written = {path.partition("/")[2]: path for path in before if path.startswith("mirage/hello")}
    del written[f"hello-{target}.opam"]
    if target == "qubes":  # mirage writes none for it
        written = dict.fromkeys(("%{name}.xl", "%{name}.xl.in", "%{name}_libvirt.xml"))
    assert companions == written


def test_what_is_recognised(tmp_path: Path) -> None:
    write_unikernel(tmp_path, "xen")
    manifest = load_manifest(tmp_path)
    assert [(root.name, root.file) for root in manifest.roots] == [("hello-xen", "mirage/hello-xen.opam")]
    assert manifest.project == "hello-xen"
    assert manifest.unikernel == Unikernel(
        root="hello-xen",
        file="mirage/hello-xen.opam",
        target="xen",
        image="hello.xen",
        configuration="config.ml",
        companions=(
            ("hello.xl", "mirage/hello.xl"),
            ("hello.xl.in", "mirage/hello.xl.in"),
            ("hello_libvirt.xml", "mirage/hello_libvirt.xml"),
        ),
        repositories=(("opam-overlays", "https://github.com/dune-universe/opam-overlays.git"),),
        consulted=(
            "mirage/hello-xen.opam",
            "dune-project",
            "mirage/context",
            "mirage/hello.xl",
            "mirage/hello.xl.in",
            "mirage/hello_libvirt.xml",
        ),
    )
    assert manifest.searched


def test_further_down_and_under_another_name(tmp_path: Path) -> None:
    write_unikernel(tmp_path, "virtio", output="my.own", below="app/")
    unikernel = unikernel_of(tmp_path)
    assert (unikernel.root, unikernel.folder, unikernel.image) == ("my_own", "app/", "my.own.virtio")
    assert unikernel.configuration == "app/config.ml"
    assert unikernel.companions == ()  # mirage's is called hello_libvirt.xml, and boots hello.virtio
    (target,) = load_manifest(tmp_path).targets
    assert target.build == ("app/dist",)
    assert target.artefacts == ("%{context}/app/dist/my.own.virtio",)


@pytest.mark.parametrize(
    ("target", "option"),
    [
        ("hvt", "-t hvt"),
        ("hvt", "-thvt"),
        ("hvt", "--target hvt"),
        ("hvt", "--target=hvt"),
        *((target, "") for target in TARGETS),  # the environment said it: names have to tell
    ],
)
def test_the_target_that_was_configured(target: str, option: str, tmp_path: Path) -> None:
    opam = write_unikernel(tmp_path, target)
    rewritten(tmp_path / opam, f"-t {target}", option)
    (tmp_path / "mirage/context").write_text("configure\n")
    assert unikernel_of(tmp_path).target == target


def test_what_mirage_keeps_for_itself_tells_the_target_too(tmp_path: Path) -> None:
    opam = write_unikernel(tmp_path, "qubes", output="router")
    rewritten(tmp_path / opam, "-t qubes", "'")  # not even words
    assert unikernel_of(tmp_path).target == "qubes"


def test_genode_is_refused_with_the_reason(tmp_path: Path) -> None:
    write_unikernel(tmp_path, "genode")
    with pytest.raises(TargetError, match=r"no bindings for Genode since 0\.7\.0") as caught:
        load_manifest(tmp_path)
    assert caught.value.place == "mirage/hello-genode.opam"


def test_a_target_of_a_newer_mirage_is_refused(tmp_path: Path) -> None:
    opam = write_unikernel(tmp_path, "hvt")
    rewritten(tmp_path / opam, "-t hvt", "-t hvtt")
    with pytest.raises(TargetError, match='no target "hvtt"') as caught:
        load_manifest(tmp_path)
    assert caught.value.place == "mirage/hello-hvt.opam"


def test_of_several_the_last_configured_counts(tmp_path: Path) -> None:
    write_unikernel(tmp_path, "hvt")
    write_unikernel(tmp_path, "spt")
    assert unikernel_of(tmp_path).root == "hello-spt"
    (tmp_path / "dune-project").write_text("(lang dune 2.9)\n")
    with pytest.raises(ManifestError, match="more than one unikernel") as caught:
        load_manifest(tmp_path)
    assert caught.value.hint == 'name one in mono.toml: [project] roots = ["hello-hvt"]'
    (tmp_path / "mono.toml").write_text('[project]\nroots = ["hello-hvt"]\n')
    assert unikernel_of(tmp_path).root == "hello-hvt"
    (tmp_path / "mono.toml").write_text('[project]\nroots = ["hello-hvt", "hello-spt"]\n')
    with pytest.raises(ManifestError, match="both hello-hvt and hello-spt"):
        load_manifest(tmp_path)


def test_what_stands_at_the_top_comes_first(tmp_path: Path) -> None:
    """A library with an example in mirage's shape is no unikernel."""
    write_unikernel(tmp_path, "hvt", below="example/")
    (tmp_path / "library.opam").write_text('opam-version: "2.0"\n')
    manifest = load_manifest(tmp_path)
    assert [root.name for root in manifest.roots] == ["library"]
    assert manifest.unikernel is None
    assert not manifest.searched


def of_mono_toml(folder: Path, text: str) -> Manifest:
    (folder / "mono.toml").write_text(text)
    return load_manifest(folder)


def test_what_mono_toml_says_of_the_target_stays(tmp_path: Path) -> None:
    write_unikernel(tmp_path, "hvt")
    text = '[targets.hvt]\nartefacts = ["%{context}/hello.hvt"]\nrequires = [\'"lwt" {>= "5"}\']\n'
    (target,) = of_mono_toml(tmp_path, text).targets
    assert target.build == ("dist",)
    assert target.artefacts == ("%{context}/hello.hvt",)
    assert target.requires == ('"lwt" {>= "5"}',)


def test_a_target_of_ones_own_from_the_one_that_was_configured(tmp_path: Path) -> None:
    write_unikernel(tmp_path, "hvt")
    text = '[targets]\nbuild = ["hvt", "small"]\n[targets.small]\nbase = "hvt"\nc-flags = ["-Os"]\n'
    one, other = of_mono_toml(tmp_path, text).targets
    assert (one.artefacts, one.requires) == (other.artefacts, ()) == (("%{context}/dist/hello.hvt",), ())


@pytest.mark.parametrize("other", ["spt", "unix", "unikraft-qemu"])
def test_another_target_than_was_configured_is_refused(other: str, tmp_path: Path) -> None:
    write_unikernel(tmp_path, "hvt")
    with pytest.raises(ManifestError, match=f"for hvt, not for {other}") as caught:
        of_mono_toml(tmp_path, f'[targets]\nbuild = ["{other}"]\n')
    assert caught.value.place == "mono.toml:2"
    assert caught.value.hint == f"run mirage configure -t {other}, or build for hvt"


DAMAGES: dict[str, tuple[str, str, str]] = {
    "installs nothing": (
        '[ "cp" "dist/hello.hvt" "%{bin}%/hello.hvt" ]',
        "",
        "does not say what mirage builds",
    ),
    "is no opam file": ("install: [", "install: [[", "expected a value"),
    "repositories are no pairs": ('["opam-overlays" "', '["opam-overlays" 3 "', "pairs"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_opam_file_is_told(damage: str, tmp_path: Path) -> None:
    old, new, reason = DAMAGES[damage]
    opam = write_unikernel(tmp_path, "hvt")
    rewritten(tmp_path / opam, old, new)
    with pytest.raises(ManifestError, match=reason) as caught:
        load_manifest(tmp_path)
    assert caught.value.place.startswith(opam)
