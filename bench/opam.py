"""opam's own solver, asked in a root of its own: what it would install, without installing anything."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver.formula import Value

SOLVED, IMPOSSIBLE = 0, (5, 20)
"""What ``opam install`` exits with; 5 where no version may be had here at all, 20 where none fit together."""

TIMED_OUT = 60

PATIENCE = "300"
"""Seconds that its solver may take."""

ANY_ANSWER = "--criteria=-removed"
"""Without a wish that counts in an empty switch, opam's solver comes to an end sooner."""

_COMMON = ("--yes", "--color=never")


@dataclass(frozen=True, slots=True)
class Answer:
    """Version by name of what opam would install; ``reason`` is what it says where it cannot.

    ``hasty`` where it found no best answer in its time, and was asked for any; ``undecided`` where it did not
    find that either.
    """

    packages: Mapping[str, str] | None
    reason: str = ""
    hasty: bool = False
    undecided: bool = False


class Opam:
    """opam with one repository, in a root that belongs to nobody else, with nothing installed.

    Its answers are kept: they depend on opam, its variables and the repository alone.
    """

    def __init__(self, folder: Path, repository: Path, switches: int) -> None:
        """``folder`` is for the root and the answers; each of ``switches`` may be asked at the same time."""
        digest = hashlib.sha256(f"{repository}\n{switches}".encode()).hexdigest()[:16]
        self.root = folder / f"root-{digest}"
        self.environment = _private_environment(self.root)
        made = self.root / "made"
        if not made.exists():
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.mkdir(parents=True)
            self._run(
                "init",
                "--bare",
                "--disable-sandboxing",
                "--no-setup",
                "--kind=local",
                "default",
                str(repository),
            )
            for number in range(switches):
                self._run("switch", "create", f"empty-{number}", "--empty")
            made.touch()
        listing = self._run("var", "--global").stdout
        self.variables = read_variables(listing)
        told = {name: value for name, value in self.variables.items() if name not in ("root", "switch")}
        state = hashlib.sha256(f"{repository}\n{sorted(told.items())}".encode()).hexdigest()[:16]
        self.answers = folder / f"answers-{state}"
        self.answers.mkdir(exist_ok=True)

    def install(self, package: str, switch: int) -> Answer:
        """What opam would do to install ``package`` in an empty switch.

        Raises:
            CalledProcessError: opam itself failed.
        """
        kept = self.answers / f"{package}.json"
        if not kept.exists():
            document = self._asked(package, switch)
            if document["exit"] == TIMED_OUT:
                document = {**self._asked(package, switch, ANY_ANSWER), "hasty": True}
            aside = kept.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps(document), encoding="utf-8")
            aside.rename(kept)
        return read_answer(json.loads(kept.read_text(encoding="utf-8")))

    def _asked(self, package: str, switch: int, *options: str) -> dict[str, Any]:
        """What opam writes, and under ``said`` and ``exit`` what it says and how it ends."""
        written = self.answers / f"{package}.{os.getpid()}"
        arguments = ("install", package, "--show-actions", f"--switch=empty-{switch}", f"--json={written}")
        done = self._run(*arguments, *options, accepted=(SOLVED, *IMPOSSIBLE, TIMED_OUT))
        document: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        written.unlink()
        return {**document, "said": done.stderr, "exit": done.returncode}

    def _run(self, *arguments: str, accepted: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        command = ["opam", arguments[0], *_COMMON, *arguments[1:]]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, encoding="utf-8")
        if done.returncode not in accepted:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done


def _private_environment(root: Path) -> dict[str, str]:
    """Without whatever the user has set for opam; depexts are not looked for, as nothing will be built."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPAM")}
    own = {
        "HOME": str(root),
        "OPAMROOT": str(root),
        "OPAMROOTISOK": "1",
        "OPAMNODEPEXTS": "1",
        "LC_ALL": "C.UTF-8",
    }
    return {**kept, **own}


def read_variables(listing: str) -> dict[str, Value]:
    """What ``opam var --global`` lists: name, value, and a remark behind ``#``."""
    variables: dict[str, Value] = {}
    for line in listing.splitlines():
        written, _, _ = line.partition(" # ")
        name, _, value = written.strip().partition(" ")
        if name and not name.startswith("<"):
            text = value.strip()
            variables[name] = {"true": True, "false": False}.get(text, text)
    return variables


def read_answer(document: Mapping[str, Any]) -> Answer:
    """The answer in what opam writes with ``--json``, and what it said and exited with.

    Raises:
        ValueError: opam would do something else than install.
    """
    if document["exit"] == TIMED_OUT:
        return Answer(None, "opam came to no end", undecided=True)
    if document["exit"] in IMPOSSIBLE:
        causes = document.get("conflicts", {}).get("causes", [])
        return Answer(None, " ".join(" ".join(causes).split()) or " ".join(document["said"].split()))
    packages: dict[str, str] = {}
    for action in document["solution"]:
        if list(action) != ["install"]:
            raise ValueError(f"opam would do something else than install: {action}")
        packages[action["install"]["name"]] = action["install"]["version"]
    return Answer(packages, hasty=document.get("hasty", False))
