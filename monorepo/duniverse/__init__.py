"""duniverse/: the verified, prepared sources of a lock, whole or not at all."""

DUNIVERSE = "duniverse"
