"""Patches that no package should carry. Each is for a source with the files ``a``, ``b`` and ``d/link -> ../a``."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

A = b"first\nsecond\nthird\n"
B = b"one line\n"


@dataclass(frozen=True, slots=True)
class Patched:
    """Patches, applied one after the other, and what is said when they are refused."""

    patches: tuple[bytes, ...]
    reason: str


def making(path: str, mode: str = "100644", text: str = "evil\n") -> bytes:
    """git's patch that makes a file; a link where the mode is 120000, its target ``text``."""
    body = "".join(f"+{line}\n" for line in text.splitlines())
    if not text.endswith("\n"):
        body += "\\ No newline at end of file\n"
    count = len(text.splitlines())
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{count} @@\n{body}"
    ).encode()


def plain(old: str, new: str) -> bytes:
    """A patch as diff makes it, of ``a``."""
    return f"--- {old}\n+++ {new}\n@@ -1,3 +1,3 @@\n-first\n+evil\n second\n third\n".encode()


def binary(path: str, content: bytes, announced: int | None = None) -> bytes:
    """git's binary patch that makes a file."""
    size = len(content) if announced is None else announced
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex {'0' * 40}..{'1' * 40}\nGIT binary patch\n"
    return f"{head}literal {size}\n".encode() + _base85(content) + b"\nliteral 0\nHcmV?d00001\n\n"


def repeating(path: str, content: bytes, times: int) -> bytes:
    """git's binary patch that has ``content``, which ``path`` holds, many times in it (gitformat-pack, deltas)."""
    length = len(content).to_bytes(2, "little")
    delta = _number(len(content)) + _number(len(content) * times) + (b"\xb0" + length) * times
    identifier = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    head = f"diff --git a/{path} b/{path}\nindex {identifier}..{'1' * 40} 100644\nGIT binary patch\n"
    hunk = b"delta %d\n" % len(delta) + _base85(delta) + b"\n"
    return head.encode() + hunk * 2


def _number(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    row = [number & 0x7F]
    while number := number >> 7:
        row[-1] |= 0x80
        row.append(number & 0x7F)
    return bytes(row)


def _base85(content: bytes) -> bytes:
    """Lines as git's ``base85.c`` writes them, which has Python's alphabet."""
    packed = zlib.compress(content)
    lines = []
    for start in range(0, len(packed), 52):
        part = packed[start : start + 52]
        length = chr(ord("A") + len(part) - 1) if len(part) <= 26 else chr(ord("a") + len(part) - 27)
        lines.append(length.encode() + base64.b85encode(part, pad=True) + b"\n")
    return b"".join(lines)


def renaming(verb: str, old: str, new: str) -> bytes:
    """git's patch that renames or copies."""
    return f"diff --git a/{old} b/{new}\nsimilarity index 100%\n{verb} from {old}\n{verb} to {new}\n".encode()


def changed_to_link(path: str, target: str) -> bytes:
    """git's patch that has a link where ``b`` was."""
    return (
        f"diff --git a/{path} b/{path}\ndeleted file mode 100644\n"
        f"--- a/{path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-one line\n"
    ).encode() + making(path, "120000", target)


BIG = b"x" * 65_000 + b"\n"
MAKES = "it makes more than 1073741824 bytes"


def bombs() -> dict[str, Patched]:
    """A few kB each that make 5 GB, which their beginnings tell."""
    return {
        "announced": Patched((binary("x", b"small", announced=5 << 30),), MAKES),
        "repeating": Patched((making("big", text=BIG.decode()), repeating("big", BIG, 80_000)), MAKES),
    }


def slow_bombs() -> dict[str, Patched]:
    """A MB each that make more than one GB, little by little."""
    copies = b"".join(renaming("copy", "big", f"copies/{number}") for number in range(20_000))
    return {
        "copies": Patched((making("big", text=BIG.decode()), copies), MAKES),
        "several": Patched((b"".join(binary(f"x{n}", bytes(120 << 20)) for n in range(10)),), MAKES),
    }


def hostile_patches(outside: Path) -> dict[str, Patched]:
    invalid = "invalid path|invalid file"
    climbs = "../../../outside/evil"
    absolute = f"{outside}/evil"
    link = making("l", "120000", "../../../outside")
    one_name = "one name where upper and lower case are one"
    return {
        "parent": Patched((making(climbs),), invalid),
        "parent-plain": Patched((plain(f"a/{climbs}", f"b/{climbs}"),), invalid),
        "parent-within": Patched((making(f"d/../{climbs}"),), invalid),
        "own-canary": Patched(
            (b"--- a/../../../outside/canary\n+++ b/../../../outside/canary\n@@ -1 +1 @@\n-alive\n+dead\n",),
            invalid,
        ),
        "absolute": Patched((making(absolute),), "invalid path|No such file|does not exist"),
        "absolute-plain": Patched((plain(f"a/{absolute}", f"b/{absolute}"),), "No such file"),
        "absolute-canary": Patched(
            (f"--- a/{outside}/canary\n+++ b/{outside}/canary\n@@ -1 +1 @@\n-alive\n+dead\n".encode(),),
            invalid,
        ),
        "absolute-quoted": Patched((plain(f'"a/{absolute}"', f'"b/{absolute}"'),), "No such file"),
        "rename-out": Patched((renaming("rename", "a", climbs),), invalid),
        "rename-in": Patched((renaming("rename", "../../../outside/canary", "mine"),), invalid),
        "copy-out": Patched((renaming("copy", "a", climbs),), invalid),
        "copy-in": Patched((renaming("copy", "../../../outside/canary", "mine"),), invalid),
        "binary": Patched((binary(climbs, b"evil\n"),), invalid),
        "binary-lie": Patched((binary("x", b"evil\n", announced=1 << 20),), "does not apply"),
        "git-hook": Patched((making(".git/hooks/post-checkout", "100755"),), invalid),
        "git-config": Patched((making("d/.GIT/config"),), invalid),
        "link-out": Patched((making("l", "120000", "../../.."),), "leaves its folder"),
        "link-absolute": Patched((making("l", "120000", str(outside)),), "leaves its folder"),
        "becomes-link": Patched((changed_to_link("b", "../../../outside/canary"),), "leaves its folder"),
        "through-link": Patched((link, making("l/evil")), "symbolic link|leaves its folder"),
        "through-own-link": Patched((making("d/link/evil"),), "symbolic link|does not apply"),
        "edit-through-link": Patched(
            (
                making("l", "120000", "../../../outside/canary"),
                b"--- a/l\n+++ b/l\n@@ -1 +1 @@\n-alive\n+dead\n",
            ),
            "does not apply|leaves its folder",
        ),
        "case": Patched((making("A"),), one_name),
        "case-of-folders": Patched((making("D/x"),), one_name),
        "case-of-rename": Patched((renaming("rename", "b", "D/Link"),), one_name),
        "case-beyond-ascii": Patched((making("grüße"), making("GRÜSSE")), one_name),
        "garbage": Patched((b"this is no patch\n",), "No valid patches"),
    }
