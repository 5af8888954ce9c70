"""Run every benchmark."""

from bench import lock

lock.main()
