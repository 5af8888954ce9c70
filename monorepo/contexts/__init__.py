"""Contexts: from the lock and the duniverse to `contexts/<target>/`, which is all that a builder needs."""

from monorepo.contexts.emit import emit_contexts
from monorepo.contexts.plan import plan_contexts

__all__ = ["emit_contexts", "plan_contexts"]
