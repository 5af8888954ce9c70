"""From a lock to verified, prepared sources."""
