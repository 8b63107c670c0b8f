"""How the program begins: ``python -I -m buildinfo``, as the hooks call it, and the script that is installed.

Nothing is imported before what goes wrong with that can be told.
"""

import sys


def run() -> int:
    """Runs the command that the words of the command line name; gives the exit status."""
    try:
        from buildinfo.cli import main

        return main()
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        said = "memory is short"
    except Exception as error:
        said = f"cannot begin: {' '.join(str(error).split()) or type(error).__name__}"
    if sys.stderr is not None:
        sys.stderr.write(f"abuild-buildinfo: {said}\n")
    return 2


if __name__ == "__main__":
    sys.exit(run())
