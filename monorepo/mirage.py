"""Projects that `mirage configure` wrote: recognised by the opam file in mirage/, and used as they are.

MirageOS 4 puts the opam file of what it configured into a folder mirage/ beside config.ml, with the command
that made it in ``x-mirage-configure``; its dune rules leave the image in dist/. Its Makefile has
opam-monorepo lock that one root with the variable ``monorepo`` set, and dune build dist/. Nothing of all this
is written to here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from builder.context import Companion
from monorepo.errors import ManifestError, TargetError
from monorepo.targets.definition import Target
from monorepo.targets.reader import load_target
from overlays.errors import OpamSyntaxError
from overlays.opam_file import OpamFile
from overlays.syntax.parser import parse_value
from overlays.syntax.tree import List, String
from overlays.values import parts_of

FOLDER = "mirage"
COMMAND = "x-mirage-configure"

VARIABLE = ("monorepo", "opam-monorepo")
"""What guards the dependencies that are to be vendored, as in ``"lwt" { ?monorepo }``."""

_ENDINGS = {
    **{f".{abi}": abi for abi in ("hvt", "spt", "virtio", "muen", "genode", "xen")},
    ".qemu": "unikraft-qemu",
    ".fc": "unikraft-firecracker",
}
_NAMED_ALIKE = {"xen": "qubes", "unix": "macosx"}
"""Targets whose images are named alike: the name of the opam file tells them apart."""


@dataclass(frozen=True, slots=True)
class Unikernel:
    """What mirage configured.

    Args:
        root: the name of its opam file; ``file`` is where that is, from the project.
        target: the target that it was configured for.
        image: the name of what is built in dist/.
        companions: files that mirage wrote for those who run the image, by name.
        configuration: what mirage writes all that from.
        repositories: name and url of those that mirage's Makefile adds.
        consulted: all files that were looked at for this, or would have been if they were there.
    """

    root: str
    file: str
    target: str
    image: str
    configuration: str
    companions: tuple[tuple[str, str], ...]
    repositories: tuple[tuple[str, str], ...]
    consulted: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The folder of config.ml, from the project: empty, or with a slash at the end."""
        return self.file.removesuffix(f"{FOLDER}/{self.root}.opam")

    def fitted(self, target: Target, stated: Collection[str] = ()) -> Target:
        """``target`` as it is for this project: what is built, and what comes of it.

        ``stated`` are the keys of the target that mono.toml has: they stay. The opam file says what
        libraries the target needs.

        Raises:
            TargetError: mirage configured the project for another one.
        """
        configured = load_target(self.target)
        flags = set(configured.link_flags)
        if target.context != configured.context or not flags.issubset(target.link_flags):
            raise TargetError(
                f"mirage configured {self.root} for {self.target}, not for {target.name}",
                self.file,
                f"run mirage configure -t {target.name}, or build for {self.target}",
            )
        changes = {
            "build": (f"{self.folder}dist",),
            "artefacts": (f"%{{context}}/{self.folder}dist/{self.image}",),
            "requires": (),
            "unikernel_requires": (),
            "companions": tuple(self._companion(companion) for companion in target.companions),
        }
        kept = {key: value for key, value in changes.items() if key.replace("_", "-") not in stated}
        return replace(target, **kept)  # type: ignore[arg-type] # each is of its field's type

    def _companion(self, companion: Companion) -> Companion:
        """The one that mirage wrote, in the place of mono's."""
        name = companion.name.replace("%{name}", PurePosixPath(self.image).stem)
        own = dict(self.companions).get(name)
        return companion if own is None else Companion(name, file=own)


def configured_roots(folder: Path, files: Sequence[str]) -> tuple[str, ...]:
    """Those of the opam ``files`` below ``folder`` that mirage wrote.

    Where it wrote several, one after the other, dune-project has the name of the last.
    """
    found = tuple(file for file in files if _is_configured(folder, file))
    last = _last_configured(folder)
    return tuple(file for file in found if PurePosixPath(file).stem == last) or found


def read_unikernel(folder: Path, file: str) -> Unikernel | None:
    """What mirage configured, from the opam ``file`` of a root; None where mirage did not write that.

    Raises:
        ManifestError: the file does not say what is installed, or cannot be read.
    """
    if not _is_configured(folder, file):
        return None
    below = PurePosixPath(file).parent
    try:
        opam = OpamFile.parse((folder / file).read_text(encoding="utf-8"), file)
        image = _image(opam)
        command = _command(opam, folder / below / "context")
        repositories = tuple(
            (name, url.text) for name, url in opam.pairs("x-mirage-extra-repo") if isinstance(url, String)
        )
    except OpamSyntaxError as error:
        raise ManifestError(error.reason, f"{file}:{error.line}", details=(error.source_line,)) from error
    name, stem = PurePosixPath(file).stem, PurePosixPath(image).stem
    companions = {
        companion: f"{below}/{companion}"
        for companion in (f"{stem}.xl", f"{stem}.xl.in", f"{stem}_libvirt.xml")
    }
    return Unikernel(
        root=name,
        file=file,
        target=_option(command, "-t", "--target") or _target_of(name, image),
        image=image,
        configuration=_option(command, "-f", "--file") or str(below.parent / "config.ml"),
        companions=tuple((one, path) for one, path in companions.items() if (folder / path).is_file()),
        repositories=repositories,
        consulted=(file, "dune-project", f"{below}/context", *companions.values()),
    )


def _is_configured(folder: Path, file: str) -> bool:
    if PurePosixPath(file).parent.name != FOLDER:
        return False
    try:
        return f"{COMMAND}:" in (folder / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _last_configured(folder: Path) -> str | None:
    """The name of the opam file that mirage wrote last: that in dune-project, as far as opam takes it."""
    try:
        text = (folder / "dune-project").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    name = re.search(r"\(name\s+([^\s()]+)\s*\)", text)
    return None if name is None else re.sub(r"[^A-Za-z0-9_-]", "", name[1].replace(".", "_"))


def _image(opam: OpamFile) -> str:
    """What ``install`` copies from dist/ into opam's bin."""
    for command in opam.read("install", _commands) or ():
        match command:
            case ["cp", source, place] if "%{bin}%" in place:
                return PurePosixPath(source).name
    raise ManifestError(
        "does not say what mirage builds: nothing is installed", opam.place, "run mirage configure again"
    )


def _commands(text: str) -> tuple[list[str], ...]:
    """The commands of a field, those of them that are made of texts alone; one may stand without brackets."""
    value = parse_value(text)
    parts = parts_of(value)
    lists = (value,) if parts and all(isinstance(part, String) for part in parts) else parts
    return tuple(
        [word.text for word in command.values if isinstance(word, String)]
        for command in lists
        if isinstance(command, List)
    )


def _target_of(name: str, image: str) -> str:
    """The target, by the names of the opam file and of the image."""
    target = _ENDINGS.get(PurePosixPath(image).suffix, "unix")
    other = _NAMED_ALIKE.get(target)
    return other if other and name.endswith(f"-{other}") else target


def _command(opam: OpamFile, context: Path) -> list[str]:
    """The words of ``["sh" "-exc" "mirage configure -t hvt"]``, then those that mirage keeps for itself."""
    try:
        words = shlex.split(" ".join(opam.strings(COMMAND)[2:]))
    except ValueError:
        words = []
    kept = context.read_text(encoding="utf-8", errors="replace").split("\n") if context.is_file() else []
    return words + kept


def _option(words: Sequence[str], short: str, long: str) -> str:
    """What the first of an option's ways of being written gives it; empty where it is not there."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in (short, long):
            return following
        if word.startswith(f"{long}="):
            return word.removeprefix(f"{long}=")
        if word.startswith(short) and not word.startswith("--"):
            return word.removeprefix(short)
    return ""
