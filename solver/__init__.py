"""The pure heart of mono: opam's order of versions, its formulas, the problem, the answer and its proof.

Nothing here reads a file, a clock, an environment variable or a network; everything is values to values.
"""
