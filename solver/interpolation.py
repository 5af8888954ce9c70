"""``%{variable}%`` in opam's strings and in ``.in`` files (opam manual, "Interpolation")."""

from __future__ import annotations

import re

from solver.formula import Variables, as_text, as_truth

_PLACE = re.compile(r"%\{([^}%?]*)(?:\?([^}%]*?):([^}%]*))?\}%|%%")


def replace_variables(text: str, variables: Variables) -> str:
    """``text`` with each place filled in; an undefined variable leaves nothing behind."""

    def fill(place: re.Match[str]) -> str:
        name, then, otherwise = place.groups()
        if name is None:
            return "%"
        value = variables.get(name)
        if then is not None:
            return then if as_truth(value) is True else otherwise
        return "" if value is None else as_text(value)

    return _PLACE.sub(fill, text)
