"""Items: what a stream gives at a time, and the inputs, targets and weights in it."""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.data.rows import as_nest
from onefit.errors import invalid, mistyped
from onefit.networks.functional import by_name, several
from onefit.types import Data, Tree

__all__ = ["Reader", "single_row"]

TARGETS = ("y", "label", "labels", "target", "targets")
"""Columns that are the targets of a model with one output, beside its own name."""

WEIGHTS = ("sample_weight", "sample_weights", "weight", "weights")
"""Columns that are the rows' weights."""


class Reader:
    """Reads the items of a stream for a model.

    Args:
        kind: What the stream is called.
        inputs, outputs: The names of the model's inputs and outputs.
        targets: Whether targets are needed.
    """

    def __init__(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], targets: bool
    ) -> None:
        self.kind, self.inputs, self.outputs = kind, list(inputs), list(outputs)
        self.targets = targets

    def __call__(self, item: Data) -> Batch:
        """The batch in an item, its arrays as they are.

        Raises:
            TypeError, ValueError: Too many things, none, or rows instead of a batch.
        """
        x, y, w = self._parts(item)
        batch = Batch(
            self._arrays(x, "x", self.inputs),
            None if y is None else self._arrays(y, "y", self.outputs),
            None if w is None else self._arrays(w, "sample_weight", self._weights(w)),
        )
        counts = set()
        for leaf in jax.tree.leaves(batch):
            if leaf.ndim == 0:
                raise single_row(self.kind)
            counts.add(len(leaf))
        if len(counts) > 1:
            sizes = " and ".join(map(str, sorted(counts)))
            raise invalid("", f"{sizes} rows in its parts", "equally many in each")
        return batch

    def _weights(self, w: Data) -> list[str]:
        """The names of weights: one for all outputs, or one for each."""
        several = len(self.outputs) > 1 and isinstance(w, list | tuple | dict)
        return self.outputs if several else ["sample_weight"]

    def _parts(self, item: Data) -> tuple[Data, Data, Data]:
        if isinstance(item, dict):
            return self._named(item)
        if not isinstance(item, tuple | list):
            item = (item,)
        if not 1 <= len(item) <= 3 or item[0] is None:
            what = "nothing" if not item or item[0] is None else f"{len(item)} things"
            raise mistyped(
                "",
                f"{what} from {self.kind}",
                "(x, y), (x, y, sample_weight) or x",
                "give several inputs as one tuple or dict: (x1, x2), y",
            )
        x, y, w = (*item, None, None)[:3]
        if not self.targets:
            return x, None, None
        if y is None:
            raise mistyped(
                "",
                f"x alone from {self.kind}",
                "(x, y), since the model's loss compares y",
                "write `yield x, y`",
            )
        return x, y, w

    def _named(self, item: dict[str, Data]) -> tuple[Data, Data, Data]:
        """The columns of a dict: inputs, targets and weights by their names."""
        left = dict(item)
        weight = next((left.pop(n) for n in WEIGHTS if n in left), None)
        y: Any = None
        if len(self.outputs) > 1 and all(name in left for name in self.outputs):
            y = {name: left.pop(name) for name in self.outputs}
        elif len(self.outputs) == 1:
            names = (*self.outputs, *TARGETS)
            names = [n for n in names if n in left and n not in self.inputs]
            y = left.pop(names[0]) if names else None
        if all(name in left for name in self.inputs):
            x: Data = {name: left[name] for name in self.inputs}
        elif len(self.inputs) == 1 and len(left) == 1:
            x = next(iter(left.values()))
        else:
            raise invalid(
                "",
                f"a dict with {', '.join(map(repr, item))} from {self.kind}",
                f"one with {', '.join(map(repr, self.inputs))} for the inputs",
                "give (x, y) instead, or keep the columns that the model takes",
            )
        if self.targets and y is None:
            raise invalid(
                "",
                f"a dict with {', '.join(map(repr, item))} from {self.kind}",
                f"targets in it too, under {self.outputs[0]!r} or 'y'",
                "give ({...}, y) instead",
            )
        return (x, y, weight) if self.targets else (x, None, None)

    def _arrays(self, value: Data, where: str, names: Sequence[str]) -> Tree:
        """The arrays of a part, in the order of their names."""
        if len(names) > 1:
            several_ = by_name if isinstance(value, dict) else several
            parts = several_(value, names, where)
            return tuple(
                None if a is None else self._arrays(a, f"{where}[{name!r}]", [name])
                for a, name in zip(parts, names, strict=True)
            )
        if isinstance(value, np.ndarray):
            return value
        if hasattr(value, "detach"):
            return value.detach().cpu().numpy()
        if hasattr(value, "numpy") and not hasattr(value, "to_numpy"):
            return value.numpy()
        if isinstance(value, list) and not any(hasattr(v, "shape") for v in value):
            with contextlib.suppress(ValueError):  # of other lengths: refused below
                return np.asarray(value)
        return as_nest(value, where, names)


def single_row(kind: str) -> TypeError:
    """The error for a stream of single rows."""
    return mistyped(
        "",
        f"a single row from {kind}",
        "a batch of rows",
        "write .batch(32) at the end of a data set, or give x[None], y[None]",
    )
