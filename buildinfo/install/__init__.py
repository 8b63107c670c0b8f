"""Switching the hooks on and off, and telling whether they can work here.

``places`` says where things are, ``change`` writes them all or not at all, ``hooks`` switches on and off,
``checks`` is the table of what the doctor looks at. Nothing here prints.
"""
