"""``python -I -m buildinfo``: how the hooks call the program."""

import sys

from buildinfo.cli import main

if __name__ == "__main__":
    sys.exit(main())
