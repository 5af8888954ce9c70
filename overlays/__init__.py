"""Package metadata: opam files, the repositories that hold them, and the ordered stack of repositories."""
