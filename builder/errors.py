"""What can go wrong in the builder, as data. Words are made of it in `builder.cli` alone.

BuilderError
├── ContextError           a context folder cannot be read, or is of another format
├── InputsError            the sources are not what the context was made for
├── ToolError              a program is missing, or is another than the context asks for
├── DuneError              dune failed
├── ArtefactError          an artefact is missing, or a check on it fails
├── RecordError            a build record cannot be read, or is not of this context
└── ReproducibilityError   two builds of one context differ
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class BuilderError(Exception):
    """An expected failure.

    Args:
        reason: what is wrong, one sentence without a full stop at the end.
        place: the file, folder, program or artefact that it is about; empty where there is none.
        hint: what to do about it; empty where nothing helps.
        details: further lines, each standing on its own.
    """

    reason: str
    place: str = ""
    hint: str = ""
    details: tuple[str, ...] = ()

    code = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


class ContextError(BuilderError):
    code = "context"


class InputsError(BuilderError):
    code = "inputs"


class ToolError(BuilderError):
    code = "tool"


class DuneError(BuilderError):
    code = "dune"


class ArtefactError(BuilderError):
    code = "artefact"


class RecordError(BuilderError):
    code = "record"


class ReproducibilityError(BuilderError):
    code = "reproducibility"
