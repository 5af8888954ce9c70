"""Which of the names there are may be meant by one that is not."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

_LONG = 8
"""Letters of a word in which two may be wrong, "ocaml" apart; in a shorter one it is one."""

_ALIKE = 0.7
"""As `difflib.SequenceMatcher.ratio` counts."""

_SEPARATOR = re.compile(r"[-_]")

_OF_OCAML = frozenset(
    ("bigarray", "compiler-libs", "dynlink", "ocamldoc", "runtime_events", "stdlib", "str", "threads", "unix")
)
"""The libraries that the compiler installs (OCaml manual, part IV)."""


def nearest(word: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """At most so many names that may be meant by ``word``, the likeliest first.

    Another spelling is meant for the name, and a library for its package. Else there are slips of one letter
    or two; ``curl`` for ``ocaml-curl``, ``ocamlgraph`` for ``graph``; names that go on where ``word`` ends;
    ``lwt`` for ``lwt-unix``, as its library is named. Only if there is none of these, what looks like it.
    """
    word, names = _package(word), sorted(known)
    found = _same(word, names) or [
        *(name for _, name in _slips(word, names)),
        *_of_ocaml(word, names),
        *_going_on(word, names),
        *_beginning(word, names),
    ]
    if not found:
        import difflib  # it is slow, and seldom comes to that

        found = difflib.get_close_matches(word, names, n=most, cutoff=_ALIKE)
    return tuple(dict.fromkeys(found))[:most]


def slip(word: str, known: Iterable[str]) -> str:
    """The name that ``word`` is a slip for, or the package of a library; empty for none, or for several."""
    word, names = _package(word), sorted(known)
    found = _same(word, names)
    if not found:
        slips = _slips(word, names)
        found = [name for wrong, name in slips if wrong == slips[0][0]]
    return found[0] if len(found) == 1 else ""


def _package(word: str) -> str:
    """The package of a library, as no name of a package has a dot in it."""
    return word.partition(".")[0] or word


def _same(word: str, names: Iterable[str]) -> list[str]:
    """The name itself, or else those that differ by case, dashes and underscores alone."""
    plain = _plain(word)
    same = [name for name in names if _plain(name) == plain]
    return [word] if word in same else same


def _slips(word: str, names: Iterable[str]) -> list[tuple[tuple[int, bool], str]]:
    """Names that differ in a letter or, of many, two: how many, whether ``word`` has others, and the name."""
    plain = _plain(word)
    most = 2 if len(_without_ocaml(plain)) >= _LONG else 1
    found = []
    for name in names:
        other = _plain(name)
        if abs(len(plain) - len(other)) <= most and (wrong := _wrong_letters(plain, other, most)) <= most:
            found.append(((wrong, sorted(plain) != sorted(other)), name))
    return sorted(found, key=lambda slip: (slip[0], slip[1][:1] != word[:1], len(slip[1]), slip[1]))


def _wrong_letters(word: str, name: str, most: int) -> int:
    """The fewest letters to put in, take out, replace or exchange with the next; above ``most`` if many."""
    before: list[int] = []
    row = list(range(len(name) + 1))
    for i, letter in enumerate(word):
        above, before, row = before, row, [i + 1]
        for j, wanted in enumerate(name):
            wrong = min(before[j + 1] + 1, row[j] + 1, before[j] + (letter != wanted))
            if i and j and letter == name[j - 1] and word[i - 1] == wanted:
                wrong = min(wrong, above[j - 1] + 1)
            row.append(wrong)
        if min(row) > most:
            return most + 1
    return row[-1]


def _of_ocaml(word: str, names: Iterable[str]) -> list[str]:
    """Names that are the same but for an ``ocaml`` at one end, as repositories and packages often are."""
    return [name for name in names if _without_ocaml(_plain(name)) == _without_ocaml(_plain(word))]


def _going_on(word: str, names: Iterable[str]) -> list[str]:
    """Names that go on where ``word`` ends, the shortest first."""
    plain = _plain(word)
    longer = [name for name in names if plain and _plain(name).startswith(plain)]
    return sorted(longer, key=lambda name: (len(name), name))


def _beginning(word: str, names: Iterable[str]) -> list[str]:
    """The longest name that ``word`` goes on from with another part; ``ocaml`` says nothing."""
    plain_names = {_plain(name): name for name in names}
    for separator in reversed(list(_SEPARATOR.finditer(word))):
        name = plain_names.get(_plain(word[: separator.start()]))
        if name is not None and name != "ocaml":
            return [name]
    return []


def _without_ocaml(plain: str) -> str:
    return plain.removeprefix("ocaml").removesuffix("ocaml") or plain


def package_of_library(word: str, known: Container[str]) -> str:
    """``lwt`` for ``lwt.unix``, which is how dune and ocamlfind name a library; empty for anything else.

    No package has a dot in its name.
    """
    package, dot, _ = word.partition(".")
    return package if dot and package in known else ""


def comes_with_ocaml(word: str) -> bool:
    """Whether that is a library of the OCaml distribution, which no package has."""
    return word.partition(".")[0] in _OF_OCAML


def _plain(name: str) -> str:
    return _SEPARATOR.sub("", name.casefold())
