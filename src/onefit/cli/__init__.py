"""The command line: `onefit train table.csv --target column`."""

from onefit.cli.main import main

__all__ = ["main"]
