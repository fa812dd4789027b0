# ruff: noqa: D102
"""What every host layer is: a layer whose numbers are there before the program."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit.layers.base import Layer, where
from onefit.layers.in_tensorflow import has_no_numbers, within_tensorflow
from onefit.layers.passing import current
from onefit.layers.symbolic import is_symbolic
from onefit.types import Array, Mask, Params, Shapes, State, Tree

__all__ = ["HostLayer", "encoded", "encoded_shape"]


class HostLayer(Layer, abstract=True):
    """A layer that computes on the host, before the program: it writes `look`.

    Called on data it gives numbers at once. In a network it stands first: all that
    leads to it are inputs, other host layers, and layers without weights. In the `call`
    of a layer it may be asked about the inputs of that layer, as they came.
    """

    role = "other"
    integers = True
    on_host: ClassVar[bool] = True
    """Whether the layer runs before the program."""
    takes_policy = False
    own_files: ClassVar[frozenset[str]] = frozenset({"vocabulary"})
    """Settings that may be the name of a file, but not in a model that is loaded."""

    def look(self, x: Tree) -> np.ndarray:
        """The output for rows in any form, as a numpy array.

        Raises:
            ValueError, TypeError: What the layer cannot take, with its row.
        """
        raise NotImplementedError(f"{type(self).__name__} has no look method")

    @property
    def output_dtype(self) -> str:
        """The type of the output's numbers."""
        if getattr(self, "output_mode", "int") == "int":
            return "int32"
        return self.compute_dtype

    def __call__(
        self, *inputs: Any, training: bool | None = None, mask: Mask = None, **rest: Any
    ) -> Tree:
        """The layer's output for rows in any form; on an `Input`, a part of a graph."""
        named = [rest.pop("inputs")] if "inputs" in rest else []
        x, options = self.gather(*named, *inputs, **rest)
        run = current()
        if run is not None and run.asking is not None:
            answer = run.asking.ask(self, _in_tuples(x))
            if answer is not None:
                return answer
        if is_symbolic(x):
            return super().__call__(x, mask=mask, **options)
        del training, mask
        if has_no_numbers(x):
            return within_tensorflow(self, x)
        if any(isinstance(a, Tracer) for a in jax.tree.leaves(x)):
            raise self.in_program()
        y = self.look(x)
        if y.dtype.kind in "OU":
            return y
        small = y.dtype.kind == "f" or not y.size or abs(y).max() < 2**31
        return jnp.asarray(y, self.output_dtype) if small else y

    def apply(
        self, params: Params, state: State, x: Tree, **options: Any
    ) -> tuple[Tree, State]:
        """The answer that was found before the program, in the `call` of a layer.

        Refused elsewhere: a program has no text, and no look-ups in a vocabulary.
        """
        del params, options
        run = current()
        answer = run.asking and run.asking.ask(self, _in_tuples(x)) if run else None
        if answer is None:
            raise self.in_program()
        return answer, state

    def in_program(self) -> ValueError:
        """The error for a call of the layer while a program runs."""
        kind = "string" if self.takes_text else "int64"
        run, name = current(), str(self.name)
        received, expected = "values of a program", "rows on the host"
        inner = "layers"
        if run is not None:
            received = f"values that the call of {run.where} computes"
            expected, inner = "its inputs as they come", run.where.split()[0]
        return self.misfit(
            received,
            f"{expected}, since the layer runs before the program",
            f"call it on those, or put it before: {name} = {type(self).__name__}(...); "
            f"inputs = onefit.Input((1,), dtype='{kind}'); model = onefit.Model("
            f"inputs, {inner}(...)({name}(inputs))). Or call it on the data first: x = "
            f"{name}(x)",
        )

    def output_shape(self, input_shape: Shapes) -> Shapes:
        raise NotImplementedError(f"{type(self).__name__} has no output_shape")

    def place(self, what: str = "") -> str:
        """How an error names the layer, and what of it."""
        return f"{where(self)}{what}"


def _in_tuples(x: Tree) -> Tree:
    """Several inputs as a tuple."""
    return tuple(map(_in_tuples, x)) if isinstance(x, list | tuple) else x


def encoded(ids: Array, mode: str, depth: int, dtype: Any, xp: Any = np) -> Any:
    """Ids as rows of `depth` numbers: 'one_hot', 'multi_hot' or 'count'.

    One id gives one row; of several (batch, ids) those of the second axis share a row,
    but for 'one_hot'. An id outside of 0 to depth − 1 gives zeros.
    """
    ids = xp.asarray(ids)
    ids = ids[None] if ids.ndim == 0 else ids
    if mode == "one_hot" and ids.ndim > 1 and ids.shape[-1] == 1:
        ids = ids[..., 0]
    if mode == "one_hot" and xp is np:  # no matrix of comparisons
        out, there = np.zeros((ids.size, depth), dtype), (ids >= 0) & (ids < depth)
        out[np.flatnonzero(there), ids[there]] = 1
        return out.reshape(*ids.shape, depth)
    rows = ids[..., None] == xp.arange(depth)
    if mode == "one_hot":
        return rows.astype(dtype)
    axis = 1 if ids.ndim > 1 else 0
    if mode == "multi_hot":
        return rows.any(axis).astype(dtype)
    return rows.sum(axis).astype(dtype)


def encoded_shape(shape: Shapes, mode: str, depth: int | None) -> Shapes:
    """The shape of `encoded`."""
    if not shape:
        return (depth,)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*((shape[0], *shape[2:]) if len(shape) > 1 else ()), depth)
