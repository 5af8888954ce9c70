"""Commits that git itself would not make, and where nobody should fetch from."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.monorepo.fetch.sources import run_git

FILE, LINK, FOLDER, MODULE = "100644", "120000", "40000", "160000"
SOMEWHERE = "1" * 40

Entry = tuple[str, str, "bytes | str | Sequence[Entry]"]
"""Mode, name, and content: bytes, the id of a commit, or the entries of a folder."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a commit holds, and what is said when it is refused."""

    entries: tuple[Entry, ...]
    reason: str


def commit_of(folder: Path, branch: str, entries: Sequence[Entry]) -> str:
    """A commit with exactly these ``entries``, whatever git thinks of them, on ``branch``."""
    tree = _tree(folder, entries)
    made = run_git(folder, "commit-tree", tree, "-m", "hostile", at="2020-01-01T00:00:00Z")
    run_git(folder, "update-ref", f"refs/heads/{branch}", made)
    return made


def _tree(folder: Path, entries: Sequence[Entry]) -> str:
    raw = b""
    for mode, name, held in entries:
        if isinstance(held, str):
            identifier = held
        elif isinstance(held, bytes):
            identifier = _object(folder, "blob", held)
        else:
            identifier = _tree(folder, held)
        raw += f"{mode} {name}".encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(identifier)
    return _object(folder, "tree", raw)


def _object(folder: Path, kind: str, content: bytes) -> str:
    command = ["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"]
    return (
        subprocess.run(command, cwd=folder, input=content, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


def hostile_trees(outside: Path) -> dict[str, Tree]:
    own: Entry = (FILE, "a", b"its own\n")
    leaves = "leaves its folder"
    return {
        "parent": Tree((own, (FILE, "..", b"evil")), leaves),
        "parent-folder": Tree(((FOLDER, "..", [(FOLDER, "..", [(FILE, "evil", b"x")])]), own), leaves),
        "slash": Tree(((FILE, "../../evil", b"evil"), own), leaves),
        "absolute": Tree(((FILE, f"{outside}/evil", b"evil"), own), "absolute path"),
        "link": Tree((own, (LINK, "l", b"../../outside")), leaves),
        "link-absolute": Tree((own, (LINK, "l", str(outside).encode())), leaves),
        "link-through": Tree(
            (own, (LINK, "l", str(outside).encode()), (FOLDER, "l", [(FILE, "evil", b"")])), "both|leaves"
        ),
        "git-file": Tree(((FILE, ".git", f"gitdir: {outside}".encode()), own), "within .git is refused"),
        "git-link": Tree(((LINK, ".git", b"../../../.."), own), "within .git is refused"),
        "git-folder": Tree(
            ((FOLDER, ".GiT", [(FILE, "config", b"[core]\n\tfsmonitor = touch evil\n")]), own),
            "within .git is refused",
        ),
        "git-below": Tree(((FOLDER, "d", [(FOLDER, ".git", [(FILE, "x", b"")])]),), "within .git is refused"),
        "case": Tree(
            ((FILE, "A", b"one"), (FILE, "a", b"other")), "one name where upper and lower case are one"
        ),
        "too-long": Tree((own, (FILE, "n" * 300, b"")), "longer than|ame too long"),
        "terminal": Tree((own, (FILE, "\x1b[2J\nerror: fine/../../../evil", b"")), leaves),
    }


def hostile_modules(outside: Path) -> dict[str, Tree]:
    """Submodules; a shell would leave a file ``ran`` in ``outside``."""
    ran = outside / "ran"
    no_place = "mono takes no git repository from there"
    urls = {
        "ext": (f"ext::sh -c touch% {ran}", no_place),
        "option": (f"--upload-pack=touch {ran}", no_place),
        "short-option": ("-uevil", no_place),
        "host-option": (f"ssh://-oProxyCommand=touch${{IFS}}{ran}/x", no_place),
        "scp-option": ("git@-oProxyCommand=evil:x", no_place),
        "fd": ("fd::3", no_place),
        "ftp": ("ftp://127.0.0.1/x", no_place),
        "own-files": (f"file://{outside}/other", "names files of this machine"),
        "own-path": (f"{outside}/other", "names files of this machine"),
        "climbing": ("../" * 12 + "etc", "leaves its server"),
        "nobody": ("http://127.0.0.1:9/x", "127.0.0.1"),
    }
    cases = {
        f"url-{name}": Tree((_modules("sub", url), (MODULE, "sub", SOMEWHERE)), reason)
        for name, (url, reason) in urls.items()
    }
    no_url = "has no url in .gitmodules"
    included = f"[include]\n\tpath = {outside}/modules\n".encode()
    return {
        **cases,
        "path-parent": Tree((_modules("..", "../x"), (MODULE, "..", SOMEWHERE)), "leaves its folder"),
        "path-git": Tree((_modules(".git", "../x"), (MODULE, ".git", SOMEWHERE)), "within .git is refused"),
        "path-elsewhere": Tree((_modules("../../evil", "../x"), (MODULE, "sub", SOMEWHERE)), no_url),
        "no-url": Tree(
            ((FILE, ".gitmodules", b'[submodule "s"]\n\tpath = sub\n'), (MODULE, "sub", SOMEWHERE)), no_url
        ),
        "no-settings": Tree(((MODULE, "sub", SOMEWHERE),), no_url),
        "included": Tree(((FILE, ".gitmodules", included), (MODULE, "sub", SOMEWHERE)), no_url),
        "settings-by-link": Tree(
            ((LINK, ".gitmodules", str(outside / "modules").encode()), (MODULE, "sub", SOMEWHERE)),
            "leaves|no url|config",
        ),
        "damaged-settings": Tree(
            ((FILE, ".gitmodules", b'[submodule "sub'), (MODULE, "sub", SOMEWHERE)), "bad config"
        ),
        "itself": Tree((_modules("sub", "./"), (MODULE, "sub", SOMEWHERE)), ""),
    }


def _modules(path: str, url: str) -> Entry:
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    text = f'[submodule "s"]\n\tpath = {path}\n\turl = "{quoted}"\n\tupdate = !touch evil\n'
    return FILE, ".gitmodules", text.encode()


def hostile_addresses(outside: Path) -> dict[str, str]:
    """Urls of a lock, by name."""
    ran = outside / "ran"
    return {
        "ext": f"git+ext::sh -c touch% {ran}",
        "option": f"git+--upload-pack=touch {ran}",
        "config-option": f"git+-ccore.sshCommand=touch {ran}",
        "host-option": f"git+ssh://-oProxyCommand=touch${{IFS}}{ran}/x",
        "scp-option": "git+git@-oProxyCommand=evil:x",
        "fd": "git+fd::3",
        "ftp": "git+ftp://127.0.0.1/x",
        "nothing": "git+",
        "relative": "git+../outside",
        "newline": "git+https://127.0.0.1/x\nevil",
        "blank": "git+https://127.0.0.1/x --upload-pack=evil",
    }
