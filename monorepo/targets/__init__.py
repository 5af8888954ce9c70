"""Targets: what mono can build for, as data files, and what a project adds or changes."""

from monorepo.targets.definition import Check, Target
from monorepo.targets.reader import define_target, load_target, target_names

__all__ = ["Check", "Target", "define_target", "load_target", "target_names"]
