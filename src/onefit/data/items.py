"""Items: what a stream gives at a time, and the inputs, targets and weights in it."""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.data.rows import as_nest
from onefit.errors import invalid, mistyped
from onefit.networks.functional import by_name, in_a_list, several
from onefit.networks.network import Network
from onefit.types import Data, Tree

__all__ = ["Kind", "Reader", "single_row"]

TARGETS = ("y", "label", "labels", "target", "targets")
"""Columns that are the targets of a model with one output, beside its own name."""

WEIGHTS = ("sample_weight", "sample_weights", "weight", "weights")
"""Columns that are the rows' weights."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What batches of one program have in common.

    Attributes:
        nest: How their arrays are arranged, in a Batch.
        specs: The shape and the type of each array.
        plain: Whether items are tuples of just these arrays.
    """

    nest: Any
    specs: list[tuple[tuple[int, ...], np.dtype]]
    plain: bool

    @property
    def size(self) -> int:
        """Rows in a batch."""
        return self.specs[0][0][0]

    @property
    def bytes(self) -> int:
        """Bytes in a batch."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.specs)

    def fits(self, item: Data) -> bool:
        """Whether an item is plainly of this kind: most are like the one before."""
        if not self.plain or type(item) is not tuple or len(item) != len(self.specs):
            return False
        for array, (shape, dtype) in zip(item, self.specs, strict=True):
            if type(array) is not np.ndarray or array.shape != shape:
                return False
            if array.dtype is not dtype and array.dtype != dtype:
                return False
        return True


class Reader:
    """Reads the items of a stream for a model.

    Args:
        kind: What the stream is called.
        model: The model, which knows the names of its inputs and outputs.
        targets: 'needed', 'taken' where there are some, or 'left' out.
    """

    def __init__(self, kind: str, model: Network, targets: str) -> None:
        self.kind, self.model, self.targets = kind, model, targets
        self._last: Kind | None = None

    @property
    def inputs(self) -> list[str]:
        """The names of the model's inputs."""
        return self.model.input_names

    @property
    def outputs(self) -> list[str]:
        """The names of the model's outputs."""
        return self.model.target_names

    def __call__(self, item: Data) -> tuple[Sequence[np.ndarray], Kind]:
        """The arrays in an item, as they are, and of what kind they are.

        Raises:
            TypeError, ValueError: Too many things, none, or rows instead of a batch.
        """
        kind = self._last
        if kind is not None and kind.fits(item):
            return item, kind
        batch = self.batch(item)
        leaves, nest = jax.tree.flatten(batch)
        if any(a.ndim == 0 for a in leaves) or self._single(batch.x):
            raise single_row(self.kind)
        counts = list(dict.fromkeys(map(len, leaves)))
        if len(counts) > 1:
            sizes = " and ".join(map(str, counts))
            raise invalid("", f"{sizes} rows in its parts", "equally many in each")
        if 0 in counts:
            raise invalid("", "no rows", "at least one row")
        plain = isinstance(item, tuple) and all(
            a is b for a, b in itertools.zip_longest(item, leaves)
        )
        self._last = Kind(nest, [(a.shape, a.dtype) for a in leaves], plain)
        return leaves, self._last

    def _single(self, x: Tree) -> bool:
        """Whether an input has an axis less than the model's: no batch, but a row."""
        nest = self.model.input_nest
        shapes = [] if nest is None else [tensor.shape for tensor in nest.tensors]
        pairs = zip(jax.tree.leaves(x), shapes, strict=False)
        # Numbers (n,) may be a column (n, 1).
        return any(
            len(s) == a.ndim + 1 and s[-1] != 1 and a.dtype != object for a, s in pairs
        )

    def batch(self, item: Data) -> Batch:
        """The batch in an item, its arrays as they are."""
        x, y, w = self._parts(item)
        self.model.meet(x)
        return Batch(
            self._arrays(x, "x", self.inputs),
            None if y is None else self._arrays(y, "y", self.outputs),
            None if w is None else self._arrays(w, "sample_weight", self._weights(w)),
        )

    def _weights(self, w: Data) -> list[str]:
        """The names of weights: one for all outputs, or one for each."""
        several = len(self.outputs) > 1 and isinstance(w, list | tuple | dict)
        return self.outputs if several else ["sample_weight"]

    def _parts(self, item: Data) -> tuple[Data, Data, Data]:
        if isinstance(item, dict):
            return self._named(item)
        if not isinstance(item, tuple | list):
            item = (item,)
        n = len(self.inputs)
        if self.targets == "left" and len(item) == n > 1 and hasattr(item[0], "shape"):
            return item, None, None  # to predict: all of them are inputs
        if not 1 <= len(item) <= 3 or item[0] is None:
            what = "nothing" if not item or item[0] is None else f"{len(item)} things"
            raise mistyped(
                "",
                f"{what} from {self.kind}",
                "(x, y), (x, y, sample_weight) or x",
                "give several inputs as one tuple or dict: (x1, x2), y",
            )
        x, y, w = (*item, None, None)[:3]
        if self.targets == "left":
            return x, None, None
        if y is None and self.targets == "needed":
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
        elif self.model.input_nest is None and len(left) > 1:
            x = left  # a network that is a `call` sees now what there is
        elif len(self.inputs) == 1 and len(left) == 1:
            x = next(iter(left.values()))
        else:
            raise invalid(
                "",
                f"a dict with {', '.join(map(repr, item))} from {self.kind}",
                f"one with {', '.join(map(repr, self.inputs))} for the inputs",
                "give (x, y) instead, or keep the columns that the model takes",
            )
        if y is None and self.targets == "needed":
            raise invalid(
                "",
                f"a dict with {', '.join(map(repr, item))} from {self.kind}",
                f"targets in it too, under {self.outputs[0]!r} or 'y'",
                "give ({...}, y) instead",
            )
        return (x, None, None) if self.targets == "left" else (x, y, weight)

    def _arrays(self, value: Data, where: str, names: Sequence[str]) -> Tree:
        """The arrays of a part, in the order of their names."""
        value = in_a_list(value, names)
        if len(names) > 1:
            several_ = by_name if isinstance(value, dict) else several
            parts = several_(value, names, where)
            return tuple(
                None if a is None else self._arrays(a, f"{where}[{name!r}]", [name])
                for a, name in zip(parts, names, strict=True)
            )
        if isinstance(value, np.ndarray):
            # Texts of any length are of one kind.
            return value.astype(object) if value.dtype.kind in "US" else value
        if hasattr(value, "detach"):
            return value.detach().cpu().numpy()
        if hasattr(value, "numpy") and not hasattr(value, "to_numpy"):
            return self._arrays(value.numpy(), where, names)
        if isinstance(value, list) and not any(hasattr(v, "shape") for v in value):
            with contextlib.suppress(ValueError):  # of other lengths: refused below
                return self._arrays(np.asarray(value), where, names)
        return np.asarray(as_nest(value, where, names))


def single_row(kind: str) -> TypeError:
    """The error for a stream of single rows."""
    return mistyped(
        "",
        f"a single row from {kind}",
        "a batch of rows",
        "write .batch(32) at the end of a data set, or give x[None], y[None]",
    )
