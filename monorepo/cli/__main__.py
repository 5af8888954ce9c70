"""``python -m monorepo.cli`` is ``mono``."""

import sys

from monorepo.cli import main

sys.exit(main())
