"""The command line: `onefit train table.csv --target column`, `onefit run script.py`.

`main.py` reads the arguments; `train.py` and `predict.py` say in words what
`onefit.tables` does, and write its files; `options.py` has what commands share. It is
built on `import onefit` like a user's own program; nothing knows it.
"""

from onefit.cli.main import main

__all__ = ["main"]
