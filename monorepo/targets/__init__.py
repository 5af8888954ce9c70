"""Targets: what mono can build for, as data files, and what a project adds or changes."""
