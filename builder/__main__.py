"""`python -m builder` is `mono-build`."""

from builder.cli import main

main()
