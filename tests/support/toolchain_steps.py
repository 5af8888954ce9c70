"""How the toolchains are made, step by step: OCaml for this machine, for arm64 and for musl; Rust for the same three."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.debian import Pinned


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is made; in texts and commands ``{folder}`` is the folder of the toolchains, ``{jobs}`` a number.

    Args:
        name, title: for the folder of what is known about it, and for people.
        files: what it is made of.
        texts: what is written first: paths below the folder of the toolchains, and what they hold.
        commands: run in the single folder of an upstream archive, or where binary packages are unpacked.
        after: steps whose programs the commands find on PATH.
    """

    name: str
    title: str
    files: tuple[Pinned, ...]
    commands: tuple[str, ...]
    texts: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()


def _findlib_texts(name: str) -> tuple[tuple[str, str], ...]:
    """What leads ``ocamlfind -toolchain NAME`` to a compiler, and what opam installs for findlib beside one."""
    library, programs = f"{{folder}}/{name}/lib", f"{{folder}}/{name}/bin"
    settings = {
        "path": f"{library}/ocaml:{library}",
        "destdir": library,
        "stdlib": f"{library}/ocaml",
        "ldconf": f"{library}/ocaml/ld.conf",
        **{tool: f"{programs}/{tool}.opt" for tool in ("ocamlc", "ocamlopt", "ocamldep")},
        **{tool: f"{programs}/{tool}" for tool in ("ocamlcp", "ocamlmklib", "ocamlmktop")},
    }
    configuration = "".join(f'{key}({name}) = "{value}"\n' for key, value in settings.items())
    return (
        (f"native/lib/findlib.conf.d/{name}.conf", configuration),
        *_library_texts(name, ("bigarray", "bytes", "seq")),
    )


def _library_texts(place: str, libraries: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """META files of libraries that have come into the Stdlib since."""
    meta = 'version = "[distributed with OCaml]"\nrequires = ""\n'
    return tuple((f"{place}/lib/{library}/META", meta) for library in libraries)


_DUNE = Pinned(
    "ocaml-dune=3.17.2-1",
    ("trixie",),
    "ocaml-dune_3.17.2.orig.tar.bz2",
    "9deafeed0ecfe9e65e642cd8e6197f0864f73fcd7b94b5b199ae4d2e07a2ea64",
)
_OCAML = Pinned(
    "ocaml=5.4.1-1",
    ("forky", "sid"),
    "ocaml_5.4.1.orig.tar.xz",
    "b1e297adc186635540758eb064c7fab025598ae4436f3b9767e5025188b4e0ab",
)
_FINDLIB = Pinned(
    "findlib=1.9.8-1",
    ("trixie", "forky", "sid"),
    "findlib_1.9.8.orig.tar.gz",
    "662c910f774e9fee3a19c4e057f380581ab2fc4ee52da4761304ac9c31b8869d",
)
_RUST_ARM64 = Pinned(
    "libstd-rust-dev:arm64=1.63.0+dfsg1-2",
    ("bookworm",),
    "libstd-rust-dev_1.63.0+dfsg1-2_arm64.deb",
    "7208129550b09ab775161a133a90baa56dd8daf86a4c466c2c0194d50281a713",
)
_RUST_SOURCE = Pinned(
    "rust-src=1.63.0+dfsg1-2",
    ("bookworm",),
    "rust-src_1.63.0+dfsg1-2_all.deb",
    "410b8c6d464cabbe5fb3154ab8c3d374980dd597fbe7e3b7bb3ed8dd1bf11e25",
)
_RUST_BUILTINS = Pinned(
    "librust-compiler-builtins-dev:arm64=0.1.70-1",
    ("bookworm",),
    "librust-compiler-builtins-dev_0.1.70-1_arm64.deb",
    "fa964564e67aeac4381e7267e8ca73b24e50d4742c63f0dd4cb011b6466de64a",
)

_LESS = (
    "--disable-ocamldoc --disable-ocamltest --disable-debugger --disable-instrumented-runtime "
    "--disable-debug-runtime --without-zstd"
)
_X86 = "x86_64-pc-linux-gnu"  # with CC=musl-gcc OCaml's configure would take the machine itself for one with musl
_MUSL_TOOLS = (
    'CC="musl-gcc -static" ASPP="musl-gcc -c" LD=ld DIRECT_LD=ld AR=ar STRIP=strip RANLIB=ranlib AS=as '
    "--disable-shared"
)
_CORE = (
    "env RUSTC_BOOTSTRAP=1 rustc --crate-type rlib --target x86_64-unknown-linux-musl --cap-lints allow "
    "-C opt-level=2 -C panic=abort -C metadata=musl --out-dir {folder}/rust/lib/rustlib/x86_64-unknown-linux-musl/lib"
)

STEPS = (
    Step(
        "dune",
        "dune 3.17.2",  # made with the system's OCaml: it drives OCaml 5.4, but does not compile with it
        (_DUNE,),
        ("ocaml boot/bootstrap.ml -j {jobs}", "install -D _boot/dune.exe {folder}/native/bin/dune"),
    ),
    Step(
        "native",
        "OCaml 5.4.1 for this machine",
        (_OCAML,),
        (f"./configure --prefix={{folder}}/native {_LESS}", "make -j{jobs}", "make install"),
        after=("dune",),
    ),
    Step(
        "findlib",
        "findlib 1.9.8",
        (_FINDLIB,),
        (
            "./configure -bindir {folder}/native/bin -mandir {folder}/native/man -sitelib {folder}/native/lib "
            "-config {folder}/native/lib/findlib.conf -no-topfind",
            *("make all", "make opt", "make install"),
        ),
        _library_texts("native", ("bigarray", "seq")),  # and findlib itself writes that of bytes
        after=("native",),
    ),
    Step(
        "arm64",
        "OCaml 5.4.1 for arm64",
        (_OCAML,),
        (
            f"./configure --prefix={{folder}}/arm64 --target=aarch64-linux-gnu {_LESS}",
            *("make crossopt -j{jobs}", "make installcross"),
        ),
        _findlib_texts("arm64"),
        after=("findlib",),
    ),
    Step(
        "musl",
        "OCaml 5.4.1 for musl",
        (_OCAML,),
        (
            f"./configure --prefix={{folder}}/musl --build={_X86} --host={_X86} --target=x86_64-linux-musl "
            f"{_MUSL_TOOLS} {_LESS}",
            *("make crossopt -j{jobs}", "make installcross"),
        ),
        _findlib_texts("musl"),
        after=("findlib",),
    ),
    Step(
        "rust",
        "Rust 1.63 for this machine",
        (),
        (
            "chmod +x {folder}/rust/bin/rustc",
            "mkdir -p {folder}/rust/lib/rustlib",
            "ln -sfn /usr/bin/cargo {folder}/rust/bin/cargo",
            "ln -sfn /usr/lib/rustlib/x86_64-unknown-linux-gnu {folder}/rust/lib/rustlib/x86_64-unknown-linux-gnu",
        ),
        (("rust/bin/rustc", '#!/bin/sh\nexec /usr/bin/rustc --sysroot {folder}/rust "$@"\n'),),
    ),
    Step(
        "rust-arm64",
        "Rust 1.63 for arm64",
        (_RUST_ARM64,),
        ("cp -r usr/lib/rustlib/aarch64-unknown-linux-gnu {folder}/rust/lib/rustlib",),
        after=("rust",),
    ),
    Step(
        "rust-musl",
        "Rust 1.63 for musl, its core",  # Debian has no libraries for this target; without an allocator two are enough
        (_RUST_SOURCE, _RUST_BUILTINS),
        (
            f"{_CORE} --crate-name core --edition 2021 usr/src/rustc-1.63.0/library/core/src/lib.rs",
            f"{_CORE} --crate-name compiler_builtins --edition 2015 --cfg 'feature=\"compiler-builtins\"' "
            "--cfg 'feature=\"mem\"' usr/share/cargo/registry/compiler_builtins-0.1.70/src/lib.rs",
        ),
        after=("rust",),
    ),
)
