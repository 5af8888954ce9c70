"""The adapters: httpx, GitPython and subprocess are each imported here once, and nowhere else."""
