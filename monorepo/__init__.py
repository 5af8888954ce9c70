"""mono, the application: manifest, lock, fetch, duniverse, targets, contexts and the command line."""

__version__ = "0.1.0"
