"""Where the tests of other rooms lie that these build on."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "apk"))
