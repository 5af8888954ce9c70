"""A good lock is corrupted in every way, and certifying it notices each: by itself, or by the opam files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from monorepo.errors import LockError
from monorepo.lock.itself import certify_itself
from monorepo.lock.model import ExtraFile, ExtraSource, Kind, Lock, LockedPackage, Substitution
from monorepo.lock.reader import load_lock
from monorepo.lock.writer import write_lock
from tests.monorepo.test_locking import Place, library


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Lock]:
    """A root that needs ``lib`` and ``tool``; ``lib`` needs ``deep``."""
    place = Place(tmp_path_factory.mktemp("certify"))
    place.publish(
        {
            "lib.1": library(file="lib-1.tbz"),
            "lib.2": library("conflict-class: \"k\"\nconflicts: [\"spare\" {< \"1\"}]", '"deep" {>= "2"}', "lib-2.tbz"),
            "deep.1": library(file="deep-1.tbz"),
            "spare.1": library(file="spare.tbz"),
            "tool.1": library(depends='"lib" {= "2"} "spare" {os = "linux" & >= "1"}', file="tool.tbz"),
        }
    )  # fmt: skip
    patch = b"--- a/x\n+++ b/x\n"
    fields = f"""
        available: os = "linux"
        patches: ["fix.patch"]
        extra-files: ["fix.patch" "sha256={hashlib.sha256(patch).hexdigest()}"]
    """
    place.publish({"deep.2": library(fields, file="deep-2.tbz")}, {"fix.patch": patch})
    place.root('depends: ["lib" {>= "2"} "tool"]')
    place.toml(
        '[[repositories]]\nname = "test"\nurl = "../repository"\n[solve]\nconstraints = ["deep {>= 1}"]\n'
    )
    place.lock()
    return place, load_lock(place.project)


def changed(name: str, **fields: object) -> Callable[[Lock], Lock]:
    def change(lock: Lock) -> Lock:
        packages = (replace(p, **fields) if p.name == name else p for p in lock.packages)
        return replace(lock, packages=tuple(packages))

    return change


def added(package: LockedPackage) -> Callable[[Lock], Lock]:
    return lambda lock: replace(lock, packages=(*lock.packages, package))


def without(name: str) -> Callable[[Lock], Lock]:
    return lambda lock: replace(lock, packages=tuple(p for p in lock.packages if p.name != name))


def not_vendored(name: str, kind: Kind = Kind.VIRTUAL) -> Callable[[Lock], Lock]:
    def change(lock: Lock) -> Lock:
        sources = tuple(source for source in lock.sources if name not in source.packages)
        return replace(changed(name, kind=kind, directory=None)(lock), sources=sources)

    return change


def source_changed(**fields: object) -> Callable[[Lock], Lock]:
    def change(lock: Lock) -> Lock:
        first, *others = lock.sources
        return replace(lock, sources=(replace(first, **fields), *others))

    return change


LONE = LockedPackage("lone", "1", Kind.VIRTUAL, "", ("host",))

BY_ITSELF: dict[str, tuple[Callable[[Lock], Lock], str]] = {
    "version": (changed("lib", version="1"), "dependency on lib is not met"),
    "missing dependency": (without("deep"), "dependency on deep is not met"),
    "missing root": (changed("app", targets=()), "is a root and not in the answer"),
    "missing on a target": (changed("deep", targets=(), host_for=()), "dependency on deep is not met"),
    "conflict added": (changed("spare", conflicts=("deep",)), "conflicts with deep.2"),
    "class shared": (changed("deep", conflict_class=("k",)), "shares conflict class k"),
    "filter flipped": (changed("deep", available='os != "linux"'), "is not available"),
    "filter of a dependency flipped": (changed("tool", depends=('spare {os != "linux"}', "lib")), "nobody needs it"),
    "bound tightened": (changed("tool", depends=("lib {= 3}", "spare")), "dependency on lib is not met"),
    "package nobody needs": (added(LONE), "nobody needs it"),
    "two versions": (added(replace(LONE, name="deep")), "is chosen in 2 versions"),
    "constraint of the user's": (lambda lock: replace(lock, constraints=("deep {< 2}",)), "is outside deep {< 2}"),
    "asked for": (lambda lock: replace(lock, asked=("ocaml-variants",)), "is asked for and not in the answer"),
    "variable": (lambda lock: replace(lock, targets=tuple(replace(t, variables=(("os", "macos"),)) for t in lock.targets)),
                 "is not available"),
}  # fmt: skip

BY_OPAM_FILES: dict[str, tuple[Callable[[Lock], Lock], str]] = {
    "metadata": (changed("lib", metadata=f"sha256:{'0' * 64}"), "its opam file has changed"),
    "formula weakened": (changed("lib", depends=("dune",)), "its formulas are others"),
    "conflicts forgotten": (changed("lib", conflicts=()), "its formulas are others"),
    "class forgotten": (changed("lib", conflict_class=()), "its formulas are others"),
    "availability forgotten": (changed("deep", available=""), "its formulas are others"),
    "flags": (changed("lib", flags=("avoid-version",)), "its flags are others"),
    "repository": (changed("lib", repository=None), "it comes from test, not from None"),
    "kind": (not_vendored("lib"), "it is said to be virtual, and is vendored"),
    "provided": (not_vendored("lib", Kind.PROVIDED), "it is said to be provided, and is vendored"),
    "of the compiler": (not_vendored("lib", Kind.COMPILER), "it is said to be compiler, and is vendored"),
    "dependency": (changed("lib", dependencies=("tool",)), "it does not need tool"),
    "source swapped": (source_changed(url="https://example.org/evil.tbz"), "its source is at"),
    "mirror added": (source_changed(mirrors=("https://example.org/evil.tbz",)), "its source is at"),
    "patch forgotten": (source_changed(patches=()), "its patches are others"),
    "patch added": (source_changed(patches=("fix.patch", "other.patch")), "its patches are others"),
    "carried file swapped": (source_changed(extra_files=(ExtraFile("fix.patch", "0" * 64),)), "the files that its repository carries"),
    "extra source added": (source_changed(extra_sources=(ExtraSource("x", "https://e/x", (), (f"md5={'0' * 32}",)),)), "its extra sources are others"),
    "substitution added": (source_changed(substitutions=(Substitution("x", ()),)), "its substitutions are others"),
    "checksum": (source_changed(checksums=(f"sha256={'0' * 64}",)), "its source has other checksums"),
    "checksum forgotten": (source_changed(checksums=(), unverified=True), "the project does not allow that"),
    "subpath": (source_changed(subpath="other"), "its source is the folder None of its archive"),
}  # fmt: skip


def test_the_lock_is_certified(locked: tuple[Place, Lock]) -> None:
    place, lock = locked
    assert certify_itself(lock) == ()
    assert place.check().good


@pytest.mark.parametrize("corruption", BY_ITSELF)
def test_each_corruption_is_caught_by_the_lock_itself(corruption: str, locked: tuple[Place, Lock]) -> None:
    corrupt, reason = BY_ITSELF[corruption]
    told = [str(violation) for violation in certify_itself(corrupt(locked[1]))]
    assert any(reason in violation for violation in told), told


@pytest.mark.parametrize("corruption", {**BY_ITSELF, **BY_OPAM_FILES})
def test_each_corruption_is_caught_by_checking(corruption: str, locked: tuple[Place, Lock]) -> None:
    place, lock = locked
    corrupt, reason = {**BY_ITSELF, **BY_OPAM_FILES}[corruption]
    (place.project / "mono.lock").write_text(write_lock(corrupt(lock)), encoding="utf-8")
    try:
        report = place.check()
    except LockError:
        assert corruption in BY_ITSELF, "it cannot even be read"
        return
    assert not report.good
    told = [str(violation) for violation in report.violations]
    assert corruption in BY_ITSELF or any(reason in violation for violation in told), told
