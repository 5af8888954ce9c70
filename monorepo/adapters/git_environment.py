"""What git is told in its environment, so that it does what it is asked and nothing else.

Anything that is set there for another repository (a hook of the user's may be running mono) is overridden.
Which transports may be used, and that nobody is asked for a password, is settled here too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from monorepo.errors import RepositoryError

COMMIT = re.compile(r"[0-9a-f]{40}")
ABBREVIATION = re.compile(r"[0-9a-f]{7,39}")
_REFERENCE = re.compile(r"[^-\s~^:?*\[\\\x00-\x20\x7f][^\s~^:?*\[\\\x00-\x20\x7f]*")
_ADDRESS = re.compile(
    r"(?:https?|git|ssh|file)://[^-\s]\S*"
    r"|/[^\n\0]*"
    r"|(?:[\w.]+@)?[\w.][\w.-]*:(?!//)[^-\s:]\S*"  # ssh, as scp writes it
)

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # packs appear whole; loose objects of a killed fetch would not
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}
_COMMON = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_NAMESPACE": "",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    **{f"GIT_CONFIG_KEY_{index}": key for index, key in enumerate(_SETTINGS)},
    **{f"GIT_CONFIG_VALUE_{index}": value for index, value in enumerate(_SETTINGS.values())},
}


def clone_environment(clone: Path, own: Mapping[str, str], *, offline: bool) -> dict[str, str]:
    """For git's commands in the bare ``clone``; ``own`` is mono's own environment."""
    chosen = {
        **_COMMON,
        "GIT_DIR": str(clone),
        "GIT_OBJECT_DIRECTORY": str(clone / "objects"),
        "GIT_WORK_TREE": str(clone),
        "GIT_INDEX_FILE": str(clone / "index"),
    }
    if offline:
        chosen["GIT_ALLOW_PROTOCOL"] = "file"
    if "GIT_SSH_COMMAND" not in own and "GIT_SSH" not in own:
        chosen["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
    return chosen


def patch_environment(folder: Path) -> dict[str, str]:
    """For ``git apply`` in ``folder``: in no repository, whatever is around it, with nobody's settings."""
    return {
        **_COMMON,
        "GIT_DIR": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def refuse_bad_address(url: str) -> None:
    """Raises RepositoryError where ``url`` is no address that git fetches from, or looks like an option."""
    if not _ADDRESS.fullmatch(url):
        raise RepositoryError(
            "mono takes no git repository from there",
            place=url,
            hint="https, ssh, git and file urls are known",
        )


def refuse_bad_reference(reference: str, url: str) -> None:
    """Raises RepositoryError where ``reference`` can be no name in git (git-check-ref-format)."""
    if not _REFERENCE.fullmatch(reference) or ".." in reference:
        raise RepositoryError(f"{reference!r} is no branch, tag or commit", place=url)
