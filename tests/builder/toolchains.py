"""A cross toolchain for findlib that is the host's own compiler, and libraries installed for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.builder.projects import write_files, write_script

_COMMANDS = ("ocamlopt", "ocamlc", "ocamldep", "ocamlcp", "ocamlmklib", "ocamlmktop")


def make_toolchain(folder: Path, name: str, *, abi: str = "hvt") -> Path:
    """A folder of tools: an ocamlfind that knows the toolchain ``name``, and a solo5-elftool that finds all well.

    It takes every image for one of ``abi``, and makes of a manifest C code that says nothing. The toolchain's libraries are the host's and, after them, those in ``lib`` beside the folder of tools.
    """
    installed = ":".join(_ask("ocamlfind", "printconf", "path").split())
    stdlib = _ask("ocamlfind", "printconf", "stdlib").strip()
    programs = {command: shutil.which(command) for command in _COMMANDS}
    own = [
        f'path({name})="{installed}:{folder / "lib"}"',
        f'destdir({name})="{stdlib}"',
        f'stdlib({name})="{stdlib}"',
    ]
    own += [f'{command}({name})="{path}"' for command, path in programs.items() if path]
    write_files(
        folder,
        {
            "findlib.conf": f'path="{installed}"\ndestdir="{stdlib}"\nstdlib="{stdlib}"\n',
            f"findlib.conf.d/{name}.conf": "\n".join(own) + "\n",
        },
    )
    tools = folder / "bin"
    write_script(
        tools, "ocamlfind", f'OCAMLFIND_CONF={folder}/findlib.conf exec {shutil.which("ocamlfind")} "$@"'
    )
    write_script(
        tools,
        "solo5-elftool",
        f"""[ "$1" = query-abi ] && echo '{{ "type": "solo5.abi", "target": "{abi}", "version": 2 }}'
[ "$1" = query-manifest ] && echo '{{ "type": "solo5.manifest", "version": 1, "devices": [ ] }}'
[ "$1" = gen-manifest ] && echo 'extern int no_manifest;' >"$3"
true""",
    )
    return tools


def install_library(folder: Path, name: str, text: str) -> None:
    """A library of one module, compiled with the host's compiler and installed in ``folder``."""
    write_files(
        folder / name,
        {
            f"{name}.ml": text,
            "META": f'version = "1"\narchive(byte) = "{name}.cma"\narchive(native) = "{name}.cmxa"\n',
        },
    )
    for compiler, archive in (("ocamlc", f"{name}.cma"), ("ocamlopt", f"{name}.cmxa")):
        subprocess.run([compiler, "-a", "-o", archive, f"{name}.ml"], cwd=folder / name, check=True)


def _ask(*command: str) -> str:
    return subprocess.check_output(command, text=True)
