"""Bundles: a project with its lock and all that the lock names, in one file for machines without a network.

The format is described in docs/bundle.md.
"""
