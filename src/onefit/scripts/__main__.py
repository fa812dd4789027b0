"""`python -m onefit.scripts script.py` is `onefit run script.py`."""

import sys

from onefit.scripts.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(alone=True))
