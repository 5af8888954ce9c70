"""The syntax of opam files (opam manual, "General syntax"), read and printed without losing a byte.

`outline` splits a text into its fields and sections; `parser` reads the value of one field into a `tree`,
when it is asked for; `tokens` are what both are made of.
"""
