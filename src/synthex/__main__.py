"""``python -m synthex``: the command line, as torchrun starts it."""

import sys

from synthex.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
