"""What git says when it fails, as one sentence and what to do; its own words are kept as details."""

from __future__ import annotations

import re
from collections.abc import Sequence

from monorepo.errors import RepositoryError, UnavailableError, UnreachedError

_UNRESOLVED = "the server's name cannot be resolved"
_UNREACHED = "the server cannot be reached, or breaks off"
_LOGIN = "there is no such repository, or it asks for a login that git does not have"

_MEANT: tuple[tuple[str, str, str], ...] = (
    (
        r"could not resolve (?:host|proxy)|name or service not known|unable to look up",
        _UNRESOLVED,
        "look at the url and at the network",
    ),
    (
        r"host key verification failed",
        "ssh does not know the key of the host",
        "connect once with ssh to confirm it",
    ),
    (
        r"detected dubious ownership",
        "the repository belongs to another user, and git refuses it",
        "git config --global --add safe.directory FOLDER permits it",
    ),
    (
        r"could not read (?:username|password)|authentication failed|returned error: 40[13]"
        r"|permission denied \((?:publickey|password)",
        _LOGIN,
        "look at the url; credentials and ssh keys that git is set up with are used",
    ),
    (
        r"ssl|certificate",
        "the connection cannot be trusted",
        "look at the url, and at the certificates that git is set up with",
    ),
    (
        r"repository '.*' not found|returned error: 404|does not appear to be a git repository"
        r"|repository not found|not valid: is this a git repository|does not exist",
        "there is no git repository there",
        "look at the url",
    ),
    (
        r"unable to create temporary file|insufficient permission",
        "git cannot write to it in the cache",
        "a cache is for one user: set MONO_CACHE to a folder of your own",
    ),
    (
        r"permission denied",
        "it cannot be read: permission is denied",
        "let the user who runs mono read it",
    ),
    (
        r"couldn't connect|failed to connect|connection (?:refused|reset|timed out)|timed out|too slow"
        r"|network is unreachable|no route to host|returned error: [45][0-9][0-9]|unable to connect"
        r"|remote end hung up|early eof|unexpected disconnect|empty reply",
        _UNREACHED,
        "try again later, or look at the url",
    ),
    (
        r"no space left on device",
        "the cache has no room left",
        "make room, or keep the cache elsewhere with MONO_CACHE",
    ),
    (
        r"transport '.*' not allowed",
        "it is not in the cache, and mono is offline",
        "run mono once with a network",
    ),
)
"""A pattern in git's words (in English, as GitPython sets the locale), what is the case, and what to do."""


_NOT_SURE = re.compile(
    r"no space left|permission denied$|remote end hung up|early eof|unexpected disconnect|empty reply"
    r"|returned error: 5[0-9][0-9]",
    re.IGNORECASE | re.MULTILINE,
)
"""What is said as well where this machine is at fault, or where the server chokes on what it was asked."""

_NO_NEWS = re.compile(
    r"could not read from remote repository|please make sure you have the correct|and the repository exists",
    re.IGNORECASE,
)
"""What git adds to whatever a server said."""


def in_our_words(complaint: Sequence[str], url: str) -> RepositoryError:
    """The failure that git's own lines, at least one, tell of the repository at ``url``.

    It is an UnavailableError where that is surely no fault of this machine, nor of what was asked; and an
    UnreachedError where the server answers nobody.
    """
    said = "\n".join(complaint).replace(url, "")
    for pattern, reason, hint in _MEANT:
        if re.search(pattern, said, re.IGNORECASE):
            told = [line for line in complaint if not _NO_NEWS.match(line)] or complaint
            kind = _kind(said, reason)
            return kind(reason, url, hint, tuple(f"git: {line}" for line in told))
    first, *others = complaint
    return RepositoryError(first, url, details=tuple(others))


def _kind(said: str, reason: str) -> type[RepositoryError]:
    if _NOT_SURE.search(said):
        return RepositoryError
    return UnreachedError if reason in (_UNRESOLVED, _UNREACHED) else UnavailableError
