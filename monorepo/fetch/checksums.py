"""Checksums as opam writes them (``sha256=…``), and bytes held against them while they stream by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monorepo.errors import FetchError

_DIGITS = {"md5": 32, "sha256": 64, "sha512": 128}
_PREFERENCE = ("sha256", "sha512", "md5")
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Checksum:
    """An algorithm (``md5``, ``sha256``, ``sha512``) and a digest in lower-case hex."""

    algorithm: str
    digest: str

    def __str__(self) -> str:
        return f"{self.algorithm}={self.digest}"

    @property
    def path(self) -> str:
        """Where a file with this checksum lies in a mirror or cache that has opam's layout."""
        return f"{self.algorithm}/{self.digest[:2]}/{self.digest}"


def parse_checksum(text: str) -> Checksum:
    """Read ``algorithm=hex``; bare hex is md5 (opam manual, "URL files").

    Raises:
        FetchError: an algorithm that opam does not have, or not as many hex digits as it gives.
    """
    algorithm, equals, digest = text.partition("=")
    if not equals:
        algorithm, digest = "md5", text
    if algorithm not in _DIGITS:
        known = ", ".join(_DIGITS)
        raise FetchError(f"the checksum {text!r} is of an unknown kind", hint=f"mono knows {known}")
    if not re.fullmatch(rf"[0-9a-fA-F]{{{_DIGITS[algorithm]}}}", digest):
        raise FetchError(f"the checksum {text!r} does not have {_DIGITS[algorithm]} hex digits")
    return Checksum(algorithm, digest.lower())


def parse_checksums(texts: Iterable[str]) -> tuple[Checksum, ...]:
    """Read all of ``texts``, the one that names a file in the cache first."""
    parsed = {parse_checksum(text) for text in texts}
    return tuple(
        sorted(parsed, key=lambda checksum: (_PREFERENCE.index(checksum.algorithm), checksum.digest))
    )


GIVEN = "url"
"""Stands for the algorithm of a checksum where the cache has but the checksum of an archive, by its url."""


def given_by(url: str) -> tuple[Checksum, ...]:
    """What stands for the checksums of what ``url`` gave last."""
    digest = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()
    return (Checksum(GIVEN, digest),)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A checksum that was listed, and the one that the bytes have."""

    expected: Checksum
    actual: Checksum


class Verifier:
    """Hashes what it is fed with every algorithm of ``expected``."""

    def __init__(self, expected: Iterable[Checksum]) -> None:
        self._expected = tuple(expected)
        self._hashes = {
            algorithm: hashlib.new(algorithm, usedforsecurity=False)
            for algorithm in dict.fromkeys(checksum.algorithm for checksum in self._expected)
        }

    def feed(self, chunk: bytes) -> None:
        for hash_ in self._hashes.values():
            hash_.update(chunk)

    def mismatches(self) -> tuple[Mismatch, ...]:
        """The checksums that what was fed so far does not have; empty when all are right."""
        actual = {
            algorithm: Checksum(algorithm, hash_.hexdigest()) for algorithm, hash_ in self._hashes.items()
        }
        return tuple(
            Mismatch(expected, actual[expected.algorithm])
            for expected in self._expected
            if actual[expected.algorithm] != expected
        )


def verify_file(path: Path, expected: Iterable[Checksum]) -> tuple[Mismatch, ...]:
    """The checksums that the file at ``path`` does not have."""
    verifier = Verifier(expected)
    feed_file(path, verifier)
    return verifier.mismatches()


def feed_file(path: Path, verifier: Verifier) -> int:
    """Feed ``verifier`` the file at ``path``; the count of bytes."""
    size = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_BLOCK):
            verifier.feed(chunk)
            size += len(chunk)
    return size
