"""What executables in the form ELF tell of themselves; of other files nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_PLACES = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")


@contextmanager
def opened(path: Path) -> Iterator[ELFFile | None]:
    """The executable at ``path``; None where it is none."""
    with path.open("rb") as file:
        try:
            elf = ELFFile(file)
        except ELFError:
            elf = None
        yield elf


def shared_libraries(path: Path) -> tuple[str, ...]:
    """The names of the libraries that are to be there when it runs."""
    with opened(path) as elf:
        dynamic = elf.get_section_by_name(".dynamic") if elf is not None else None
        if not isinstance(dynamic, DynamicSection):
            return ()
        needed = (tag.needed for tag in dynamic.iter_tags("DT_NEEDED"))  # type: ignore[attr-defined]
        return tuple(sorted(needed))


def compressed_contents(path: Path) -> Iterator[bytes]:
    """What is in the sections that are stored compressed, as debug information may be."""
    with opened(path) as elf:
        for section in elf.iter_sections() if elf is not None else ():
            if section.compressed:
                yield section.data()


@dataclass(frozen=True, slots=True)
class Section:
    """A named part of an executable, decompressed; ``address`` is where it is when it runs, 0 for nowhere."""

    name: str
    content: bytes
    address: int
    is_code: bool


def sections_of(path: Path) -> tuple[Section, ...]:
    """The sections that have something in them, in the order of the file; none of what is no executable."""
    with opened(path) as elf:
        return tuple(
            Section(
                section.name,
                section.data(),
                section["sh_addr"],
                bool(section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR),
            )
            for section in (elf.iter_sections() if elf is not None else ())
            if section["sh_type"] not in ("SHT_NULL", "SHT_NOBITS")
        )


def symbol_at(path: Path, address: int) -> str:
    """The last symbol that begins at ``address`` or before; empty where none does, or all were stripped."""
    with opened(path) as elf:
        table = elf.get_section_by_name(".symtab") if elf is not None else None
        if not isinstance(table, SymbolTableSection):
            return ""
        before = (
            (symbol["st_value"], symbol.name)
            for symbol in table.iter_symbols()
            if symbol.name and 0 < symbol["st_value"] <= address and symbol["st_info"]["type"] in _PLACES
        )
        return max(before, default=(0, ""))[1]
