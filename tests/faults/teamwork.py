"""A process with a worker that is busy for ten minutes: ``python -m tests.faults.teamwork FOLDER [fork]``.

FOLDER is locked as a project is; the worker's process number is written.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from monorepo.adapters.workers import ProcessWorkers
from monorepo.duniverse.swap import alone


def main() -> None:
    with alone(Path(sys.argv[1]), lambda: None) as held:
        workers = ProcessWorkers(1, fork="fork" in sys.argv)
        with workers.team(held) as team:
            print(team.do(os.getpid).result(), flush=True)
            team.do(time.sleep, 600).result()


if __name__ == "__main__":
    main()
