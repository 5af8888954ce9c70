"""The command line: `main` is the console script ``mono``. Words, colours and exit codes are made here alone.

Exit codes: 0 done; 1 an expected failure, told in words; 2 a wrong use of the command line; 70 a fault of
mono's own; 130 interrupted; 141 nobody reads the output any more.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``mono`` with ``arguments`` (those of the process where None); the exit code."""
    # A command makes modules and values that live to its end: looking for cycles among them is in vain.
    gc.disable()
    from monorepo.cli.run import run

    status = run(arguments)
    gc.freeze()  # the process ends: what is left need not be searched for cycles once more
    return status
