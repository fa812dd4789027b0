"""The rows of the contract of layers, a file a family, each with a list ROWS."""

import importlib
import pkgutil

from layer_rows.row import Row

FILES = [i.name for i in pkgutil.iter_modules(__path__) if i.name != "row"]

ROWS: list[Row] = [
    row
    for name in sorted(FILES)
    for row in importlib.import_module(f"layer_rows.{name}").ROWS
]
