"""Sources are prepared in opam's order, and nothing in them reaches beyond their own folder."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monorepo.errors import DuniverseError, FetchError, MonoError
from monorepo.lock.model import ExtraFile, ExtraSource, LockedSource, Substitution
from tests.monorepo.fetch.sources import checksum, lock, pulled, put, run_git, source, tar, tree, vendored


def diff(path: str, before: str, after: str) -> bytes:
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{before}\n+{after}\n".encode()


def prepared(folder: Path, files: dict[str, bytes], **fields: Any) -> dict[str, bytes | str]:
    content = tar({f"p-1/{name}": body for name, body in files.items()})
    pulled(lock(source("p", put(folder, "p", content), content, **fields)), folder)
    return {name.removeprefix("p/"): body for name, body in vendored(folder / "project").items()}


def extra_source(folder: Path, name: str, content: bytes) -> ExtraSource:
    return ExtraSource(name, put(folder, f"extra-{len(content)}", content), (), (checksum(content),))


def extra_file(folder: Path, name: str, content: bytes) -> ExtraFile:
    digest = hashlib.sha256(content).hexdigest()
    put(folder / "project", f"mono.lock.files/{digest}", content)
    return ExtraFile(name, digest)


def test_the_whole_order(tmp_path: Path) -> None:
    """A patch made by a substitution changes a file that an extra file replaced, of which another is made."""
    assert prepared(
        tmp_path,
        {
            "config.in": b"from the archive",
            "own.patch.in": diff("config.in", "%{mark}%", "second %{name}%"),
        },
        extra_sources=(extra_source(tmp_path, "config.in", b"first"),),
        extra_files=(
            extra_file(tmp_path, "config.in", b"zeroth\n"),
            extra_file(
                tmp_path, "next.patch", diff("config.in", "second p", "third [%{name}%] [%{missing}%]")
            ),
        ),
        substitutions=(
            Substitution("config", (("name", "p"),)),
            Substitution("own.patch", (("mark", "zeroth"), ("name", "p"))),
        ),
        patches=("own.patch", "next.patch"),
    ) == {
        "config": b"third [p] []\n",
        "config.in": b"third [%{name}%] [%{missing}%]\n",
        "next.patch": diff("config.in", "second p", "third [%{name}%] [%{missing}%]"),
        "own.patch": diff("config.in", "zeroth", "second p"),
        "own.patch.in": diff("config.in", "%{mark}%", "second %{name}%"),
    }


def test_a_patch_can_add_remove_and_move(tmp_path: Path) -> None:
    patch = b"""\
diff --git a/new.sh b/new.sh
new file mode 100755
--- /dev/null
+++ b/new.sh
@@ -0,0 +1 @@
+new
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/here b/there
rename from here
rename to there
"""
    found = prepared(
        tmp_path,
        {"gone": b"gone\n", "here": b"text\n"},
        extra_sources=(extra_source(tmp_path, "x.patch", patch),),
        patches=("x.patch",),
    )
    assert found == {"new.sh": b"new\n", "there": b"text\n", "x.patch": patch}
    assert stat.S_IMODE((tmp_path / "project/duniverse/p/new.sh").stat().st_mode) == 0o555


def test_context_may_differ_as_far_as_opam_lets_it(tmp_path: Path) -> None:
    patch = b"--- a/f\n+++ b/f\n@@ -1,5 +1,5 @@\n old one\n two\n-three\n+THREE\n four\n five\n"
    found = prepared(
        tmp_path,
        {"f": b"zero\none\ntwo\nthree\nfour\nfive\n"},
        extra_sources=(extra_source(tmp_path, "x.patch", patch),),
        patches=("x.patch",),
    )
    assert found["f"] == b"zero\none\ntwo\nTHREE\nfour\nfive\n"


def test_a_repository_around_the_project_changes_nothing(tmp_path: Path) -> None:
    """`git apply` in a folder of a repository passes over what is not in the index: here it must not."""
    run_git(tmp_path, "init", "-q")
    put(tmp_path, ".gitattributes", b"* text eol=crlf\n")
    patch = diff("f", "one  ", "two  ")
    found = prepared(
        tmp_path,
        {"f": b"one  \n", ".gitattributes": b"f filter=evil\n"},
        extra_files=(extra_file(tmp_path, "x.patch", patch),),
        patches=("x.patch",),
    )
    assert found["f"] == b"two  \n"


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (diff("f", "other", "two"), r"the patch x.patch does not apply: patch failed: f:1"),
        (diff("missing", "one", "two"), r"the patch x.patch does not apply: missing: No such file"),
        (diff("../../../victim", "one", "two"), r"x.patch does not apply: .*invalid path"),
        (b"--- /dev/null\n+++ b/../../evil\n@@ -0,0 +1 @@\n+x\n", r"x.patch does not apply: .*invalid path"),
        (
            b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../..\n"
            b"diff --git a/l/evil b/l/evil\nnew file mode 100644\n--- /dev/null\n+++ b/l/evil\n@@ -0,0 +1 @@\n+x\n",
            r"beyond a symbolic link",
        ),
        (
            b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../../../evil\n",
            r"l: a link to .* leaves its folder",
        ),
        (b"no patch at all\n", r"x.patch does not apply: No valid patches"),
    ],
    ids=["context", "absent", "outside", "create outside", "through a link", "link outside", "garbage"],
)
def test_a_patch_that_does_not_fit(tmp_path: Path, patch: bytes, reason: str) -> None:
    put(tmp_path, "cache/incoming/victim", b"one\n")  # three folders above where the source is prepared
    with pytest.raises(MonoError, match=reason) as failure:
        prepared(
            tmp_path,
            {"f": b"one\n", "sub/g": b""},
            extra_sources=(extra_source(tmp_path, "x.patch", patch),),
            patches=("x.patch",),
        )
    assert failure.value.place == "p"
    assert not list(tmp_path.rglob("evil"))
    assert tree(tmp_path / "project") == {}
    assert tree(tmp_path / "cache/incoming") == {"victim": b"one\n"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"patches": ("x.patch",)}, "x.patch is neither in the source nor among its extra files"),
        ({"patches": ("../x.patch",)}, "leaves its folder"),
        ({"substitutions": (Substitution("g", ()),)}, "g.in, which is to become g, is missing"),
        ({"substitutions": (Substitution("../g", ()),)}, "leaves its folder"),
        ({"extra_files": (ExtraFile("x", "0" * 64),)}, "the extra file x is missing"),
        ({"subpath": "none"}, "has no folder none"),
        ({"subpath": "../.."}, "leaves its folder"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises((DuniverseError, FetchError), match=reason) as failure:
        prepared(tmp_path, {"f": b""}, **fields)
    assert failure.value.place == "p"
    assert any("the source is file://" in line for line in failure.value.details)
    assert list((tmp_path / "project").iterdir()) == []


def test_a_name_that_the_file_system_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(DuniverseError, match="cannot be written: File name too long") as failure:
        prepared(tmp_path, {"x" * 300: b""})
    assert failure.value.place == "p"
    assert list((tmp_path / "project").iterdir()) == []


def test_a_changed_extra_file_is_refused(tmp_path: Path) -> None:
    extra = extra_file(tmp_path, "x", b"right")
    put(tmp_path / "project", f"mono.lock.files/{extra.sha256}", b"wrong")
    with pytest.raises(DuniverseError, match=rf"expected sha256={extra.sha256}, got sha256="):
        prepared(tmp_path, {"f": b""}, extra_files=(extra,))


def test_an_extra_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    """The archive's link stays inside, so what is written through it does as well."""
    with pytest.raises(FetchError, match="leaves its folder"):
        prepared(tmp_path, {"f": b""}, extra_files=(extra_file(tmp_path, "../../evil", b"x"),))
    assert not list(tmp_path.rglob("evil"))


def test_what_would_break_the_workspace_is_taken_out(tmp_path: Path) -> None:
    assert prepared(
        tmp_path,
        {
            "dune-workspace": b"",
            "_build/log": b"",
            "_opam/x": b"",
            ".git/config": b"[core]\n fsmonitor = touch evil\n",
            "duniverse/q/dune": b"",
            "src/duniverse/dune": b"kept",
            "src/_build": b"kept",
        },
    ) == {"src/duniverse/dune": b"kept", "src/_build": b"kept"}


def test_a_subpath_becomes_the_directory(tmp_path: Path) -> None:
    found = prepared(tmp_path, {"lib/a/x": b"1", "other": b""}, subpath="lib/a")
    assert found == {"x": b"1"}


def test_a_template_gives_its_mode_and_any_bytes(tmp_path: Path) -> None:
    found = prepared(
        tmp_path,
        {"run.sh": b"old", "other.in": b"\xff%{x}%%%\r\n"},
        substitutions=(Substitution("other", (("x", "1"),)),),
    )
    assert found["other"] == b"\xff1%\r\n"


def test_directories_must_be_plain(tmp_path: Path) -> None:
    content = tar({"p/a": b""})
    url = put(tmp_path, "p", content)
    for name in ("", ".", "..", "a/b", "/a", ".git", "_build", "dune", "README.md"):
        with pytest.raises(DuniverseError, match="cannot be a directory"):
            pulled(lock(replace(source("p", url, content), directory=name)), tmp_path)
    with pytest.raises(DuniverseError, match="share the directory"):
        pulled(
            lock(source("p", url, content), LockedSource("P", url, ("q",), (), (checksum(content),))),
            tmp_path,
        )
    assert tree(tmp_path / "project") == {}
