"""The separate builder: a context folder and sources go in, a reproducible artefact and its record come out.

A program of its own (``mono-build``). It imports nothing of mono but lives beside it; the format of a
context (docs/context-format.md) is all the two share.
"""

__version__ = "0.1.0"
