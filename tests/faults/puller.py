"""One pull as a process of its own: ``python -m tests.faults.puller PROJECT CACHE NAME=URL=SHA256…``."""

from __future__ import annotations

import sys
from pathlib import Path

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.adapters.workers import ProcessWorkers
from monorepo.duniverse.pull import pull
from monorepo.lock.model import LockedSource
from tests.monorepo.fetch.sources import lock


def main() -> None:
    project, cache = Path(sys.argv[1]), Path(sys.argv[2])
    sources = []
    for argument in sys.argv[3:]:
        name, url, digest = argument.split("=")
        sources.append(LockedSource(name, url, (name,), checksums=(f"sha256={digest}",)))
    with HttpClient() as http:
        print("pulling", flush=True)
        print(pull(lock(*sources), project, cache, http, GitClones(cache), ProcessWorkers(2)))


if __name__ == "__main__":
    main()
