"""Reading apk's file formats: v2 packages and indices, and the installed database.

Nothing is imported here, so that a program pays only for the module it asks for.
"""
