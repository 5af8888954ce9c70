"""The text of dune-workspace files.

What they must say for cross contexts (a context called exactly ``solo5``, ``(host default)``, no dynamically
linked foreign archives) is what MirageOS's own packages rely on; see docs/targets.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sexpdata import dumps

from monorepo.targets.definition import Target
from solver.version import Version

_OLDEST = (2, 0)
_WITHOUT_LINK_FLAGS = (2, 9)
_NEWEST = (3, 17)
_MAJOR_AND_MINOR = re.compile(r"(\d+)\.(\d+)")


def workspace_language(dune: Version | None) -> tuple[int, int]:
    """The language of the workspace files for a locked dune.

    dune's own major and minor version, at least 2.0 and at most 3.17, the newest whose files mono writes; 2.9
    where the lock has no dune. From 3.0 on a workspace may set link flags and dune maps the
    workspace's path out of what it builds.
    """
    if dune is None:
        return _WITHOUT_LINK_FLAGS
    match = _MAJOR_AND_MINOR.match(dune.text)
    found = (int(match[1]), int(match[2])) if match else _WITHOUT_LINK_FLAGS
    return min(max(found, _OLDEST), _NEWEST)


def render_workspace(target: Target, language: tuple[int, int]) -> str:
    """The workspace file from which one target is built."""
    return _file(
        f"for the target {target.name}; `mono contexts` overwrites it.",
        language,
        _contexts(target, language),
    )


def render_editor_workspace(targets: Iterable[Target], language: tuple[int, int]) -> str:
    """The workspace file at the project's top, for editors and `dune build` by hand.

    It has the default context alone where some target is built in it; otherwise merlin follows the
    context of the first target, as its sources are enabled there only.
    """
    every = tuple(targets)
    contexts = ["(context (default))"]
    if every and all(_is_cross(target) for target in every):
        contexts.append(_cross_context(every[0], []))
    return _file("for editors; delete this line to keep your own.", language, contexts)


def _file(remark: str, language: tuple[int, int], contexts: list[str]) -> str:
    """The language has to be on the first line: dune takes no comment before it."""
    major, minor = language
    return (
        "\n\n".join([f"(lang dune {major}.{minor})\n; Written by mono from mono.lock, {remark}", *contexts])
        + "\n"
    )


def _is_cross(target: Target) -> bool:
    return target.context != "default"


def _contexts(target: Target, language: tuple[int, int]) -> list[str]:
    fields = _flag_fields(target, language)
    if not _is_cross(target):
        return [_stanza("(default", fields) if fields else "(context (default))"]
    return ["(context (default))", _cross_context(target, fields)]


def _cross_context(target: Target, flags: list[str]) -> str:
    fields = [f"(name {target.context})", "(host default)"]
    if target.toolchain is not None:
        fields.append(f"(toolchain {target.toolchain})")
    fields.append("(merlin)")
    if target.disable_dynamic_archives:
        fields.append("(disable_dynamically_linked_foreign_archives true)")
    return _stanza("(default", fields + flags)


def _stanza(head: str, fields: list[str]) -> str:
    return f"(context\n {head}\n  " + "\n  ".join(fields) + "))"


def _flag_fields(target: Target, language: tuple[int, int]) -> list[str]:
    """The context's environment with the target's flags, if it has any.

    Before 3.0 there is no link_flags in a workspace; the flags then stand among those of every call of the
    compiler, as MirageOS itself writes them for Unikraft.
    """
    link_field = "link_flags" if language > _WITHOUT_LINK_FLAGS else "flags"
    fields = [
        f"({name} (:standard {' '.join(quoted(word) for word in words)}))"
        for name, words in ((link_field, target.link_flags), ("c_flags", target.c_flags))
        if words
    ]
    return ["(env\n   (_\n    " + "\n    ".join(fields) + "))"] if fields else []


def quoted(word: str) -> str:
    """``word`` as a dune string; ``%{`` is kept from being a variable."""
    return str(dumps(word)).replace("%{", "\\%{")
