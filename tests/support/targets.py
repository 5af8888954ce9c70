"""Builds for the targets of `make toolchains`, and looks at what came out and runs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from builder.record import Recorded, read_record
from tests.conftest import bubblewrap_works
from tests.support.programs import Program
from tests.support.toolchains import Toolchains

KINDS = {
    "host": ("X86-64", "dynamic"),
    "linux-musl": ("X86-64", "static"),
    "linux-arm64": ("AArch64", "dynamic"),
}
"""The targets, each with the machine and the manner of linking of its programs."""

_EMULATORS = {"AArch64": ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")}


def build_in_both_manners(
    project: Path, target: str, toolchains: Toolchains, mono_build: Program
) -> Recorded:
    """Build ``contexts/TARGET`` twice in a sandbox, where one can be made, and twice without: always the same bits."""
    manners = ["require", "off"] if bubblewrap_works() else ["off"]
    records: list[Recorded] = []
    for manner in manners:
        mono_build(
            *("--twice", f"--sandbox={manner}", f"contexts/{target}"),
            folder=project,
            environment={"PATH": toolchains.search_path},
        ).succeeded()
        records.append(read_record(project / f"contexts/{target}/build-record.json"))
    assert all(record.reproduced for record in records)
    assert [record.sandboxed for record in records] == [manner == "require" for manner in manners]
    assert records[0].artefacts == records[-1].artefacts
    return records[-1]


def kind_of(program: Path) -> tuple[str, str]:
    """The machine that a program is for, and whether it is linked statically."""
    told = subprocess.check_output(
        ["readelf", "--file-header", "--program-headers", program], encoding="utf-8"
    )
    machine = re.search(r"Machine:.*?(\S+)$", told, re.MULTILINE)
    assert machine is not None, told
    return machine[1], "dynamic" if "INTERP" in told else "static"


def output_of(program: Path, *arguments: str) -> str:
    """What a program of any of the targets says."""
    command = (*_EMULATORS.get(kind_of(program)[0], ()), program, *arguments)
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=60).stdout
