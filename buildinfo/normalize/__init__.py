"""Making packages and files deterministic: the same content, the same bytes.

`registry` is the table of everything that is changed; each handler of a file kind has a module of its own.
"""
