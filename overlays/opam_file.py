"""The opam file of one package: what of it concerns choosing the package, and what its preparation."""

from __future__ import annotations

from dataclasses import dataclass

from overlays.fields import Fields
from overlays.formulas import filter_of, read_conflicts, read_filter, read_formula
from overlays.syntax.parser import parse_value
from overlays.syntax.tokens import Kind, text_of_string
from overlays.syntax.tree import List, Option, String, Value, canonical, tokens_of
from overlays.values import lists_a_command, malformed, parts_of, read_words, string_in
from solver.formula import ALWAYS, Filter
from solver.package import Package, Source
from solver.version import Version

_ARCHIVE_OF_SOFTWARE_HERITAGE = "https://swhid.opam.ocaml.org/"


class OpamFile(Fields):
    """A whole opam file; `str` gives the text that was read."""

    __slots__ = ()

    @staticmethod
    def parse(text: str, place: str = "") -> OpamFile:
        """Read a file as far as its fields; their values are read when asked for, or all by `check`.

        Raises:
            OpamSyntaxError: it is malformed, or of a version of the format before 2.0 or after 2.
        """
        file = OpamFile(text, place)
        version = file.string("opam-version")
        if version is not None and not version.startswith("2."):
            reason = f'opam-version "{version}" is not supported; mono reads "2.0" and later 2.x'
            raise file.error_in("opam-version", reason)
        return file

    def with_field(self, name: str, value: str) -> OpamFile:
        """This file with ``value`` as the text of a field, a new one at the end; all else stays as it is.

        Raises:
            OpamSyntaxError: ``value`` is no value.
        """
        text, old = str(self), self.raw(name)
        if old is None:
            end = "" if not text or text.endswith("\n") else "\n"
            changed = OpamFile.parse(f"{text}{end}{name}: {value}\n", self.place)
        else:
            start = self.offset_of_value(name)
            changed = OpamFile.parse(text[:start] + value + text[start + len(old) :], self.place)
        changed.field(name)
        if changed.raw(name) != value:
            raise changed.error_in(name, f"this is not the value that was meant: {value}")
        return changed

    def without_field(self, name: str) -> OpamFile:
        """This file without a field, and without its lines where nothing else stands there."""
        text, value = str(self), self.raw(name)
        if value is None:
            return self
        end = self.offset_of_value(name) + len(value)
        start = text.rindex(name, 0, self.offset_of_value(name))
        line = text.rfind("\n", 0, start) + 1
        next_line = text.find("\n", end) + 1 or len(text)
        if not text[line:start].strip() and not text[end:next_line].strip():
            start, end = line, next_line
        return OpamFile.parse(text[:start] + text[end:], self.place)

    def line_naming(self, package: str, field: str) -> int | None:
        """The line, from 1, where a field of dependencies first names a package; None where it does not."""
        value = self.field(field)
        if value is None:
            return None
        offset = braces = 0
        for token in tokens_of(value):
            offset += len(token.before)
            braces += {"{": 1, "}": -1}.get(token.text, 0)
            if token.kind is Kind.STRING and not braces and text_of_string(token.text) == package:
                return self.error_in(field, "", offset).line
            offset += len(token.text)
        return None


def read_package(
    file: OpamFile,
    name: str,
    version: Version | str,
    repository: str | None = None,
    metadata_hash: str = "",
) -> Package:
    """What the solver needs of a file; its own ``name`` and ``version`` fields are not looked at.

    Raises:
        OpamSyntaxError: one of the fields that it needs is malformed.
    """
    return Package(
        name,
        Version.parse(version) if isinstance(version, str) else version,
        file.read("depends", read_formula) or ALWAYS,
        file.read("conflicts", read_conflicts) or (),
        file.strings("conflict-class"),
        file.read("available", read_filter),
        frozenset(file.read("flags", read_words) or ()),
        file.read("build", lists_a_command) or False,
        file.read("install", lists_a_command) or False,
        read_main_source(file),
        file.string("dev-repo") or None,
        repository,
        metadata_hash,
    )


def read_main_source(file: OpamFile) -> Source | None:
    """The ``url`` section, None where there is none."""
    section = file.section("url")
    if section is None:
        return None
    subpath = section.string("subpath") or section.string("x-subpath") or file.string("x-subpath")
    return read_source(section, subpath)


def read_source(section: Fields, subpath: str | None = None) -> Source:
    """A ``url`` or ``extra-source`` section; a checksum that does not name its kind is md5.

    A ``swhid`` becomes the last mirror, in the form that opam gives it there.
    """
    field = "src" if section.raw("src") is not None else "archive"
    url = section.string(field)
    if url is None:
        raise section.error_at_start('a source wants "src"')
    mirrors = section.strings("mirrors")
    checksums = tuple(map(_checksum, section.strings("checksum")))
    swhid = section.string("swhid")
    if swhid is not None:
        archived = _ARCHIVE_OF_SOFTWARE_HERITAGE + swhid.removeprefix(_ARCHIVE_OF_SOFTWARE_HERITAGE)
        if archived not in mirrors:
            mirrors = (*mirrors, archived)
    return Source(url, mirrors, checksums, subpath)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What the lock keeps of an opam file beside its `Package`: mostly how its source is prepared.

    Args:
        extra_sources: name of the file each becomes, and where it is; in the order of the file.
        extra_files: name of each file that the repository carries, and its checksums.
        patches: file and filter of each, in order; None for one that always applies.
        substs: files that are made from those named ``….in``.
        depexts: system packages, the filter under which they are wanted, and its text in opam's usual form.
        licences: as they are written, mostly in SPDX's notation.
    """

    extra_sources: tuple[tuple[str, Source], ...] = ()
    extra_files: tuple[tuple[str, tuple[str, ...]], ...] = ()
    patches: tuple[tuple[str, Filter | None], ...] = ()
    substs: tuple[str, ...] = ()
    depexts: tuple[tuple[tuple[str, ...], Filter | None, str], ...] = ()
    licences: tuple[str, ...] = ()


def read_preparation(file: OpamFile) -> Preparation:
    """The `Preparation` that a file describes.

    Raises:
        OpamSyntaxError: one of these fields is malformed.
    """
    return Preparation(
        tuple((label, read_source(section)) for label, section in file.sections("extra-source")),
        file.read("extra-files", _read_extra_files) or (),
        file.read("patches", _read_patches) or (),
        file.strings("substs"),
        file.read("depexts", _read_depexts) or (),
        file.strings("license"),
    )


def _read_extra_files(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """``[["file" "md5=…"] …]``, or one such pair without the outer brackets."""
    value = parse_value(text)
    pairs = parts_of(value)
    if pairs and all(isinstance(part, String) for part in pairs):
        pairs = (value,)
    found = []
    for pair in pairs:
        match pair:
            case List(_, (String() as name, *checksums), _):
                texts = tuple(string_in(checksum, value) for checksum in checksums)
                found.append((name.text, tuple(map(_checksum, texts))))
            case _:
                raise malformed("expected a file and its checksum", pair, value)
    return tuple(found)


def _read_patches(text: str) -> tuple[tuple[str, Filter | None], ...]:
    value = parse_value(text)
    return tuple(
        (string_in(name, value), filter_of(values, value) if values else None)
        for name, values in map(_with_option, parts_of(value))
    )


def _read_depexts(text: str) -> tuple[tuple[tuple[str, ...], Filter | None, str], ...]:
    """``[["package" …] {filter} …]``; one package may stand without its brackets."""
    value = parse_value(text)
    lines = parts_of(value)
    if lines and all(isinstance(line, String) for line in lines):
        lines = (value,)
    found = []
    for packages, condition in map(_with_option, lines):
        match packages:
            case List(_, (List(_, (String() as distribution,), _), List() as rest), _) if not condition:
                # The form of opam 1, [["distribution"] ["package" …]]; opam-repository still has one.
                packages = rest
                condition = (parse_value(f"os-distribution = {distribution.token.text}"),)
        names = tuple(string_in(package, value) for package in parts_of(packages))
        found.append((names, filter_of(condition, value) if condition else None, canonical(condition)))
    return tuple(found)


def _with_option(value: Value) -> tuple[Value, tuple[Value, ...]]:
    """A value, and what stands in the braces behind it."""
    return (value.value, value.values) if isinstance(value, Option) else (value, ())


def _checksum(text: str) -> str:
    """A checksum with its kind, in lower case; one that does not name it is md5."""
    return text.lower() if "=" in text else f"md5={text.lower()}"
