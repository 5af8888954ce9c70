"""Other programs, run with subprocess."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from monorepo.errors import BuildError
from monorepo.ports import Completed


class SystemProcesses:
    """`monorepo.ports.Processes`.

    Args:
        capture: keep what the program writes instead of passing it through to the terminal.
    """

    def __init__(self, *, capture: bool = False) -> None:
        self._capture = capture

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> Completed:
        """Run ``arguments`` in ``folder`` to the end; ``environment`` is added to mono's own.

        Raises:
            BuildError: there is no such program, or it cannot be started.
        """
        try:
            done = subprocess.run(
                list(arguments),
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                capture_output=self._capture,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            raise BuildError(
                f"the program {arguments[0]} cannot be started", hint="is it installed, and on PATH?"
            ) from error
        except OSError as error:
            raise BuildError(f"the program {arguments[0]} cannot be started: {error.strerror}") from error
        return Completed(done.returncode, done.stdout or "", done.stderr or "")
