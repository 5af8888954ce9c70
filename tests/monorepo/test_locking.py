"""`lock_project` on small repositories on disk: what ends up in the lock, and when it is made anew."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.errors import LockError, ManifestError, UnsolvableError
from monorepo.lock.answer import NoAnswerError
from monorepo.lock.freshness import Freshness
from monorepo.lock.model import Kind, Lock
from monorepo.lock.notices import Idle, PassedOver
from monorepo.lock.reader import load_lock
from monorepo.locking import CheckReport, LockReport, check_lock, lock_project
from monorepo.renewal import Renewal
from overlays.errors import OpamSyntaxError
from solver.universe import Why

URL = """
url {{
  src: "https://example.org/{file}"
  checksum: "sha256={digest}"
}}
"""
COMPILERS = {
    "ocaml.5.2.0": 'depends: ["ocaml-base-compiler" {= "5.2.0"}]\nflags: compiler',
    "ocaml-base-compiler.5.2.0": "flags: compiler",
    "dune.3.17.0": 'depends: ["ocaml"]\nbuild: ["true"]' + URL.format(file="dune.tbz", digest="d" * 64),
}


def source(file: str, digest: str = "") -> str:
    return URL.format(file=file, digest=digest or hashlib.sha256(file.encode()).hexdigest())


def library(fields: str = "", depends: str = "", file: str = "lib.tbz") -> str:
    """An opam file of something that builds with dune."""
    return f'depends: ["dune" {depends}]\nbuild: ["dune" "build"]\n{fields}\n{source(file)}'


class Place:
    """A project with one repository in a folder, and the cache and adapters to lock it."""

    def __init__(self, top: Path) -> None:
        self.project = top / "project"
        self.repository = top / "repository"
        self.cache = top / "cache"
        self.project.mkdir()
        (self.repository / "packages").mkdir(parents=True)
        self.toml('[[repositories]]\nname = "test"\nurl = "../repository"\n')
        self.publish(COMPILERS)

    def toml(self, text: str) -> None:
        (self.project / "mono.toml").write_text(text, encoding="utf-8")

    def root(self, fields: str, name: str = "app") -> None:
        text = f'opam-version: "2.0"\n{textwrap.dedent(fields)}\n'
        (self.project / f"{name}.opam").write_text(text, encoding="utf-8")

    def publish(self, packages: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> None:
        for identity, fields in packages.items():
            folder = self.repository / "packages" / identity.partition(".")[0] / identity
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "opam").write_text(f'opam-version: "2.0"\n{fields}\n', encoding="utf-8")
            for name, content in (files or {}).items():
                (folder / "files").mkdir(exist_ok=True)
                (folder / "files" / name).write_bytes(content)

    def lock(self, **options: Any) -> LockReport:
        with HttpClient() as http:
            git = GitClones(self.cache)
            return lock_project(self.project, Renewal(**options), cache=self.cache, http=http, git=git)

    def check(self) -> CheckReport:
        with HttpClient() as http:
            return check_lock(self.project, cache=self.cache, http=http, git=GitClones(self.cache))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def versions(lock: Lock) -> dict[str, str]:
    return {package.name: package.version for package in lock.packages}


def kinds(lock: Lock) -> dict[str, Kind]:
    return {package.name: package.kind for package in lock.packages}


def test_the_lock_says_what_a_package_is_a_port_of_and_its_licences(place: Place) -> None:
    toml = (
        '[[repositories]]\nname = "ports"\nurl = "../ports"\n\n' + (place.project / "mono.toml").read_text()
    )
    place.toml(toml)
    place.publish({"lib.1": 'license: ["ISC" "MIT"]\n' + library(), "plain.1": library(file="plain.tbz")})
    (place.repository.parent / "ports/packages/lib/lib.1+dune").mkdir(parents=True)
    ported = f'opam-version: "2.0"\nlicense: "ISC"\n{library()}\n'
    (place.repository.parent / "ports/packages/lib/lib.1+dune/opam").write_text(ported, encoding="utf-8")
    place.root('license: "LGPL-2.1-only WITH OCaml-LGPL-linking-exception"\ndepends: ["lib" "plain" "dune"]')
    lock = place.lock().lock
    told = {p.name: (p.version, p.repository, p.port_of, p.licences) for p in lock.packages}
    assert told["lib"] == ("1+dune", "ports", "test", ("ISC",))
    assert told["plain"] == ("1", "test", None, ())
    assert told["app"] == ("dev", None, None, ("LGPL-2.1-only WITH OCaml-LGPL-linking-exception",))


def test_the_lock_says_where_software_heritage_is_asked_and_for_what(place: Place) -> None:
    swhid = f"swh:1:dir:{'a' * 40}"
    url = f'url {{ src: "https://h/l.tbz" checksum: "md5={"0" * 32}" swhid: "{swhid}" }}'
    place.publish({"lib.1": f'depends: ["dune"]\nbuild: ["dune" "build"]\n{url}', "dune.3.0": ""})
    toml = '[[repositories]]\nname = "test"\nurl = "../repository"\n'
    place.toml(f'{toml}[mirrors]\nsoftware-heritage = "https://archive.example/api/1"\n')
    place.root('depends: ["lib"]')
    lock = place.lock().lock
    assert lock.software_heritage == "https://archive.example/api/1"
    assert lock.sources[0].mirrors == (f"https://swhid.opam.ocaml.org/{swhid}",)
    assert place.check().good
    place.toml(toml)
    assert not place.check().good
    assert place.lock().lock.software_heritage == ""


def test_every_package_has_a_kind_and_a_reason(place: Place) -> None:
    place.publish(
        {
            "lib.1": library(depends='"conf-gmp" "tool"'),
            "conf-gmp.4": 'flags: conf\ndepexts: [["libgmp-dev"] {os-family = "debian"} ["gmp"] {os = "macos"}]',
            "tool.2": f'depends: ["helper"]\nbuild: ["make"]\n{source("tool.tbz")}',
            "helper.1": f'build: ["make"]\n{source("helper.tbz")}',
        }
    )
    place.toml('[[repositories]]\nname = "test"\nurl = "../repository"\n[solve]\nprovided = ["tool"]\n')
    place.root('depends: ["lib"]')
    lock = place.lock().lock
    assert kinds(lock) == {
        "app": Kind.ROOT,
        "conf-gmp": Kind.VIRTUAL,
        "dune": Kind.PROVIDED,
        "helper": Kind.PROVIDED,
        "lib": Kind.VENDORED,
        "ocaml": Kind.COMPILER,
        "ocaml-base-compiler": Kind.COMPILER,
        "tool": Kind.PROVIDED,
    }
    reasons = {package.name: package.reason for package in lock.packages}
    assert reasons["helper"] == "only tool needs it, installed outside"
    assert [(s.when, s.packages, s.wanted_by) for s in lock.system_packages] == [
        ('os = "macos"', ("gmp",), ("conf-gmp",)),
        ('os-family = "debian"', ("libgmp-dev",), ("conf-gmp",)),
    ]
    assert load_lock(place.project) == lock
    assert place.check().good


def test_carried_files_and_patches_are_kept_with_the_lock(place: Place) -> None:
    patch = b"--- a/x\n+++ b/x\n"
    digest = hashlib.sha256(patch).hexdigest()
    fields = f"""
        patches: ["fix.patch" "bsd.patch" {{os = "freebsd"}}]
        substs: ["config"]
        extra-files: ["fix.patch" "sha256={digest}"]
        extra-source "more.ml" {{
          src: "https://example.org/more.ml"
          checksum: "sha256={"e" * 64}"
        }}"""
    place.publish({"lib.1": library(textwrap.dedent(fields))}, {"fix.patch": patch})
    place.root('depends: ["lib"]')
    (locked,) = place.lock().lock.sources
    assert locked.patches == ("fix.patch",)
    assert [file.sha256 for file in locked.extra_files] == [digest]
    assert [extra.file for extra in locked.extra_sources] == ["more.ml"]
    assert ("version", "1") in locked.substitutions[0].variables
    assert (place.project / "mono.lock.files" / digest).read_bytes() == patch


def test_a_carried_file_that_changed_is_refused_and_the_old_lock_stays(place: Place) -> None:
    place.publish({"lib.1": library()})
    place.root('depends: ["lib"]')
    place.lock()
    before = (place.project / "mono.lock").read_bytes()
    fields = f'extra-files: ["fix.patch" "sha256={"0" * 64}"]'
    place.publish({"lib.2": library(fields, file="lib-2.tbz")}, {"fix.patch": b"other"})
    with pytest.raises(LockError, match=r"files/fix\.patch is not what the opam file says"):
        place.lock(upgrade=True)
    assert (place.project / "mono.lock").read_bytes() == before


def test_two_repositories_with_one_name_get_two_directories(place: Place) -> None:
    place.publish(
        {
            "one.1": library('dev-repo: "git+https://a.example/x/lib.git"', file="one.tbz"),
            "one-more.1": library('dev-repo: "git+https://a.example/x/lib"', file="one.tbz"),
            "two.1": library('dev-repo: "git+https://b.example/lib.git"', file="two.tbz"),
            "dune-lib.1": library('dev-repo: "git+https://b.example/dune.git"', file="dune-lib.tbz"),
        }
    )
    place.root('depends: ["one" "one-more" "two" "dune-lib"]')
    sources = place.lock().lock.sources
    assert {source.directory: source.packages for source in sources} == {
        "dune_": ("dune-lib",),
        "lib-one": ("one", "one-more"),
        "lib-two": ("two",),
    }


def test_unchanged_until_something_that_was_asked_changes(place: Place) -> None:
    place.publish({"lib.1": library(), "other.1": library(file="other.tbz")})
    place.root('depends: ["lib"]')
    assert place.lock().changed
    assert not place.lock().changed
    place.publish({"other.2": library(file="other-2.tbz")})
    report = place.lock()
    assert not report.changed, "nobody needs that package"
    place.publish({"lib.2": library(file="lib-2.tbz")})
    report = place.lock()
    assert report.changed, "the repository is another, which the lock records"
    assert versions(report.lock)["lib"] == "1"
    assert versions(place.lock(upgrade=True).lock)["lib"] == "2"


def test_a_lock_that_was_edited_is_noticed(place: Place) -> None:
    place.publish({"lib.1": library(), "lib.2": library(file="lib-2.tbz")})
    place.root('depends: ["lib"]')
    place.lock()
    path = place.project / "mono.lock"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace('version = "2"', 'version = "1"'), encoding="utf-8")
    report = place.check()
    assert not report.good
    assert any("its opam file has changed" in str(violation) for violation in report.violations)
    assert place.lock().changed
    assert place.check().good, "the version that someone wrote there stays, and the rest follows"
    assert place.lock(upgrade=True).changed
    assert path.read_text(encoding="utf-8") == good


def test_a_remembered_answer_is_used_and_a_damaged_one_is_not(place: Place) -> None:
    place.publish({"lib.1": library(), "lib.2": library(file="lib-2.tbz")})
    place.root('depends: ["lib"]')
    lock = place.lock().lock
    (remembered,) = (place.cache / "answers").iterdir()
    (place.project / "mono.lock").unlink()
    assert place.lock().lock == lock
    damaged = remembered.read_text(encoding="ascii").replace("0", "1")
    remembered.write_text(damaged, encoding="ascii")
    (place.project / "mono.lock").unlink()
    assert place.lock().lock == lock
    assert remembered.read_text(encoding="ascii") != damaged


def test_no_answer_keeps_the_old_lock(place: Place) -> None:
    place.publish({"lib.1": library()})
    place.root('depends: ["lib"]')
    place.lock()
    before = (place.project / "mono.lock").read_bytes()
    place.root('depends: ["lib" {>= "2"}]')
    with pytest.raises(UnsolvableError):
        place.lock()
    assert (place.project / "mono.lock").read_bytes() == before


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ('src: "https://example.org/lib.tbz"', "has no checksum"),
        ('src: "https://example.org/lib.tbz" checksum: "sha1=abc"', "is no checksum that mono knows"),
        ('src: "hg+https://example.org/lib"', "its source is in Mercurial, and mono takes archives and git"),
        ('src: "darcs+https://example.org/lib"', "its source is in Darcs, and mono takes archives and git"),
        ('src: "ftp://example.org/lib.tbz"', "which mono does not fetch"),
        ('src: "../lib.tbz" checksum: "md5=00000000000000000000000000000000"', "which mono does not fetch"),
        ('src: "git+https://example.org/lib.git" subpath: "../up"', "leads out of its source"),
    ],
)
def test_what_cannot_be_fetched_and_verified_is_no_candidate(place: Place, url: str, reason: str) -> None:
    place.publish({"lib.2": f'depends: ["dune"]\nbuild: ["true"]\nurl {{ {url} }}'})
    place.root('depends: ["lib"]')
    with pytest.raises(NoAnswerError) as caught:
        place.lock()
    (missing,) = caught.value.explanation.missing
    (rejection,) = missing.rejections
    assert rejection.why is Why.UNVERIFIABLE
    assert reason in rejection.detail
    place.publish({"lib.1": library()})
    found = place.lock().lock.package("lib", "host")
    assert found is not None
    assert found.version == "1"


UNVERIFIED = """
[[repositories]]
name = "test"
url = "../repository"

[solve]
unverified = ["lib"]
"""


def test_an_archive_without_checksum_can_be_allowed_by_name(place: Place) -> None:
    url = 'url { src: "https://example.org/lib.tbz" }'
    place.publish(dict.fromkeys(("lib.2", "other.2"), f'depends: ["dune"]\nbuild: ["true"]\n{url}'))
    place.root('depends: ["lib"]')
    place.toml(UNVERIFIED)
    (source,) = place.lock().lock.sources
    assert source.unverified and not source.checksums
    assert load_lock(place.project).sources == (source,)
    assert place.check().good
    place.root('depends: ["lib" "other"]')
    with pytest.raises(NoAnswerError):
        place.lock()
    place.root('depends: ["lib"]')
    place.toml(UNVERIFIED.replace('["lib"]', "[]"))
    with pytest.raises(NoAnswerError):
        place.check()


def test_a_checksum_that_mono_does_not_know_is_no_missing_one(place: Place) -> None:
    url = 'url { src: "https://example.org/lib.tbz" checksum: "sha1=abc" }'
    place.publish({"lib.2": f'depends: ["dune"]\nbuild: ["true"]\n{url}'})
    place.root('depends: ["lib"]')
    place.toml(UNVERIFIED)
    with pytest.raises(NoAnswerError):
        place.lock()


def test_what_the_lock_could_not_say_again_is_refused(place: Place) -> None:
    extra = f'extra-source "../../x" {{ src: "https://example.org/x" checksum: "sha256={"e" * 64}" }}'
    place.publish({"lib.1": library(extra)})
    place.root('depends: ["lib"]')
    with pytest.raises(LockError, match="cannot be locked"):
        place.lock()
    assert not (place.project / "mono.lock").exists()


def test_packages_of_one_archive_that_contradict_each_other_are_refused(place: Place) -> None:
    for name, content in (("one", b"1"), ("two", b"2")):
        fields = f'extra-files: ["fix.patch" "sha256={hashlib.sha256(content).hexdigest()}"]'
        place.publish({f"{name}.1": library(fields, file="same.tbz")}, {"fix.patch": content})
    place.root('depends: ["one" "two"]')
    with pytest.raises(LockError, match=r"each adds another fix\.patch"):
        place.lock()


def test_two_folders_of_one_archive_become_two_sources(place: Place) -> None:
    for name in ("one", "two"):
        place.publish({f"{name}.1": library(f'x-subpath: "{name}"', file="same.tbz")})
    place.root('depends: ["one" "two"]')
    sources = place.lock().lock.sources
    assert [(source.subpath, source.packages) for source in sources] == [("one", ("one",)), ("two", ("two",))]
    assert len({source.directory for source in sources}) == 2


def test_depexts_of_a_root_count(place: Place) -> None:
    place.root('depends: ["dune"]\ndepexts: [["libx-dev"] {os-family = "debian"}]')
    assert [wish.wanted_by for wish in place.lock().lock.system_packages] == [("app",)]


def test_check_looks_at_the_carried_files(place: Place) -> None:
    digest = hashlib.sha256(b"patch").hexdigest()
    fields = f'patches: ["fix.patch"]\nextra-files: ["fix.patch" "sha256={digest}"]'
    place.publish({"lib.1": library(fields)}, {"fix.patch": b"patch"})
    place.root('depends: ["lib"]')
    place.lock()
    (place.project / "mono.lock.files" / digest).write_bytes(b"other")
    report = place.check()
    assert not report.good
    assert report.damaged == (digest,)
    assert place.lock().changed
    assert place.check().good


def test_a_lock_of_a_newer_mono_is_not_replaced(place: Place) -> None:
    place.root('depends: ["dune"]')
    place.lock()
    path = place.project / "mono.lock"
    newer = path.read_text(encoding="utf-8").replace("format = 2", "format = 9")
    path.write_text(newer, encoding="utf-8")
    with pytest.raises(LockError, match="a newer mono wrote this lock"):
        place.lock()
    assert path.read_text(encoding="utf-8") == newer


def test_roots_further_down_and_one_repository_named_twice_are_noticed(place: Place) -> None:
    place.publish({"lib.1": library()})
    (place.project / "sub").mkdir()
    text = 'opam-version: "2.0"\ndepends: ["lib"]\n'
    (place.project / "sub" / "app.opam").write_text(text, encoding="utf-8")
    repositories = "".join(
        f'[[repositories]]\nname = "{name}"\nurl = "{url}"\n'
        for name, url in (("a", "../repository"), ("b", "../repository/."))
    )
    place.toml(f'{repositories}[project]\nroots = ["app"]\n')
    place.lock()
    assert not place.lock().changed
    place.publish({"lib.1": library(file="moved.tbz")})
    assert place.lock().changed
    (place.project / "other").mkdir()
    (place.project / "other" / "app.opam").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match="more than one opam file"):
        place.lock()


@pytest.mark.parametrize("value", ['"lib"', '[["lib.1"]]', '[["lib.1" true]]', '["lib.1" "u" "v"]'])
def test_a_pin_that_is_no_pair_is_refused_at_its_line(place: Place, value: str) -> None:
    place.root(f'depends: ["dune"]\npin-depends: {value}')
    with pytest.raises(OpamSyntaxError) as caught:
        place.lock()
    assert (caught.value.place, caught.value.line) == ("app.opam", 3)


def test_variables_of_roots_describe_the_host_and_no_other_target(place: Place) -> None:
    place.publish({"lib.1": library(), "tool.1": library(file="tool.tbz")})
    place.root(
        """\
        depends: ["lib" {os = "plan9"} "tool" {os = "macos"}]
        x-opam-monorepo-global-opam-vars: [["os" "plan9"]]
        """
    )
    place.toml(
        '[[repositories]]\nname = "test"\nurl = "../repository"\n[targets]\nbuild = ["host", "macosx"]\n'
    )
    lock = place.lock().lock
    targets = {package.name: package.targets for package in lock.packages}
    assert (targets["lib"], targets["tool"]) == (("host",), ("macosx",))


def test_a_root_that_is_pinned_is_refused(place: Place) -> None:
    place.root('depends: ["dune"]\npin-depends: [["app.1" "git+https://example.org/app.git"]]')
    with pytest.raises(ManifestError, match="is a root of this project, and pinned"):
        place.lock()


def test_filters_decide_which_compiler_a_root_asks_for(place: Place) -> None:
    place.root('depends: ["dune" "ocaml-variants" {with-test}]')
    assert "ocaml-base-compiler" in kinds(place.lock().lock)


def test_fields_of_the_roots_count_and_the_manifest_wins(place: Place) -> None:
    place.publish(
        {"lib.1": library(depends='"extra" {os = "plan9"} "tool"'), "extra.1": library(file="e.tbz")}
    )
    place.publish({"tool.1": f'build: ["make"]\n{source("tool.tbz")}'})
    place.root(
        """\
        depends: ["lib"]
        x-opam-monorepo-opam-provided: ["tool"]
        x-opam-monorepo-opam-repositories: ["file://$OPAM_MONOREPO_CWD/../repository"]
        x-opam-monorepo-global-opam-vars: [["os" "plan9"] ["color" true]]
        """
    )
    place.toml("")
    lock = place.lock().lock
    assert kinds(lock)["tool"] is Kind.PROVIDED
    assert "extra" in kinds(lock)
    assert dict(lock.variables) == {"os": "plan9", "color": True}
    place.toml('[[repositories]]\nname = "test"\nurl = "../repository"\n[variables]\nos = "linux"\n')
    assert "extra" not in kinds(place.lock().lock)
    place.toml('[[repositories]]\nname = "test"\nurl = "../repository"\n[solve]\nprovided = []\n')
    with pytest.raises(UnsolvableError):
        place.lock()


def test_an_archive_gives_the_lock_that_a_folder_gives(place: Place, tmp_path: Path) -> None:
    place.publish({"lib.1": library()})
    place.root('depends: ["lib"]')
    folder = place.lock().lock
    archive = tmp_path / "repository.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", place.repository, "packages"], check=True)
    place.toml('[[repositories]]\nname = "test"\nurl = "../repository.tar.gz"\n')
    assert place.lock().lock.packages == folder.packages
    assert not place.lock().changed


def test_a_broken_opam_file_is_a_version_less_and_told(place: Place) -> None:
    place.publish({"lib.1": library(), "lib.2": "depends: ["})
    place.root('depends: ["lib"]')
    report = place.lock()
    found = report.lock.package("lib", "host")
    assert found is not None
    assert found.version == "1"
    (notice,) = report.notices
    assert isinstance(notice, PassedOver) and (notice.name, notice.version) == ("lib", "2")


def test_what_there_is_to_know_of_a_lock_is_told_as_long_as_it_is_so(place: Place) -> None:
    toolchain = {"ocaml-solo5.1.3.4": library(), "solo5.0.12.1": library(file="solo5.tbz")}
    place.publish({"lib.1": library(), "lib.2": "depends: [", **toolchain})
    place.root('depends: ["lib" "tools" {?monorepo}]')
    toml = (place.project / "mono.toml").read_text(encoding="utf-8")
    place.toml(f'{toml}[solve]\nprovided = ["libb"]\n[targets]\nbuild = ["host", "spt", "hvt"]\n')
    told = place.lock().notices
    assert told == place.lock().notices == Freshness(place.project, place.cache).told()
    assert [notice.code for notice in told] == [
        "no-unikernel",
        "unreadable-version",
        "unknown-name",
        "variable-without-value",
    ]
    assert told[0] == Idle(("hvt", "spt"), "mono.toml:7")
    place.toml(toml)
    place.root('depends: ["lib" {= "1"}]')
    assert [notice.code for notice in place.lock().notices] == ["unreadable-version"]


def test_a_target_that_needs_nothing_of_its_own_is_not_idle(place: Place) -> None:
    toml = (place.project / "mono.toml").read_text(encoding="utf-8")
    place.toml(f'{toml}[targets]\nbuild = ["host", "linux-musl"]\n')
    place.root("depends: []")
    assert place.lock().notices == ()


def test_the_same_bytes_whatever_the_hash_seed(place: Place) -> None:
    place.publish(
        {"lib.1": library(depends='"a" | "b"'), "a.1": library(file="a.tbz"), "b.1": library(file="b.tbz")}
    )
    place.root('depends: ["lib"]')
    locks = set()
    for seed in ("0", "1", "2"):
        (place.project / "mono.lock").unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "MONO_CACHE": str(place.cache / seed)}
        command = [
            sys.executable,
            "-c",
            "import sys; from monorepo.cli import main; sys.exit(main(['-q', 'lock']))",
        ]
        subprocess.run(command, cwd=place.project, env=environment, check=True)
        locks.add((place.project / "mono.lock").read_bytes())
    assert len(locks) == 1
