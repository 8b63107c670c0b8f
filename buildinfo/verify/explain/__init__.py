"""Why two packages differ: differences are taken apart into hunks, and every hunk is offered to all causes.

`dissect` knows file formats and no causes; `causes` knows causes and no formats. What no cause claims is unknown.
"""
