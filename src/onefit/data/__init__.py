"""Data: rows are read, checked, converted, split, weighed and put in order here.

What users give (arrays, lists, pandas, torch tensors) becomes a `Batch` of arrays,
once. `rows.py` does it, `orders.py` draws the order of an epoch. What comes batch by
batch is a source (`source.py`). `Dataset` has tf.data's words; where its rows stay the
same it is a table of arrays (`table.py`). `Table` has more rows than memory: what they
come from (`shards.py`) is stored as arrays (`store.py`) and read in blocks
(`blocks.py`). Data uses networks, for the names of inputs and outputs and how they are
arranged, and types, config and errors; it knows nothing of training.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onefit.data.blocks import Table
    from onefit.data.dataset import (
        AUTOTUNE,
        INFINITE_CARDINALITY,
        UNKNOWN_CARDINALITY,
        Dataset,
    )

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "Table",
]


def __getattr__(name: str) -> Any:
    # Few programs use it, and all import this room.
    if name in __all__:
        file = "blocks" if name == "Table" else "dataset"
        return getattr(importlib.import_module(f"onefit.data.{file}"), name)
    raise AttributeError(f"module 'onefit.data' has no attribute {name!r}")
