"""The command line: `onefit train table.csv --target column`, `onefit run script.py`.

`table.py` reads a table and finds what its target asks for, `train.py` trains and
writes a model, a report and a picture, `main.py` reads the arguments. It is built on
`import onefit` like a user's own program, beside data and plots; nothing knows it.
"""

from onefit.cli.main import main

__all__ = ["main"]
