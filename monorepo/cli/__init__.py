"""The command line: `main` is the console script ``mono``. Words, colours and exit codes are made here alone.

Exit codes: 0 done; 1 an expected failure, told in words; 2 a wrong use of the command line; 70 a fault of
mono's own; 130 interrupted; 141 nobody reads the output any more.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

_YOUNGEST = 50_000
"""How many values are made before cycles are looked for: most are modules and packages, which last."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``mono`` with ``arguments`` (those of the process where None); the exit code."""
    gc.set_threshold(_YOUNGEST)
    from monorepo.cli.run import run

    status = run(arguments)
    gc.freeze()  # the process ends: what is left need not be searched for cycles once more
    return status
