"""What tests of fetching share with those of faults."""

from tests.faults.conftest import http, server

__all__ = ["http", "server"]
