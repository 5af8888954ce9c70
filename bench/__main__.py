"""Run the benchmarks named, or all of them: ``python -m bench [lock] [pull] …``."""

import sys

from bench import agreement, build, lock, pull, repository, versions

PARTS = {
    "lock": lock.main,
    "pull": pull.main,
    "build": build.main,
    "versions": versions.main,
    "repository": repository.main,
    "agreement": agreement.main,
}

wanted = sys.argv[1:] or list(PARTS)
unknown = [name for name in wanted if name not in PARTS]
if unknown:
    sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
failed = [name for name in wanted if PARTS[name]() is False]
if failed:
    sys.exit(f"not as it must be: {', '.join(failed)}")
