# ruff: noqa: D102
"""Categories that are numbered already, and numbers that become categories."""

from typing import Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.checks import between, one_of, whole
from onefit.description import setting
from onefit.errors import invalid
from onefit.layers.base import Layer, where
from onefit.layers.host.base import encoded, encoded_shape
from onefit.layers.host.texts import batches
from onefit.layers.host.vocabulary import dense
from onefit.layers.host.vocabulary import mode as named_mode
from onefit.types import Array, Config, Data, Params, Shapes, Tree

__all__ = ["CategoryEncoding", "Discretization"]


class CategoryEncoding(Layer):
    """Numbers of categories as rows of zeros and ones: a_k = 1 where k is among them.

    It is an ordinary layer of the program.

    Args:
        num_tokens: How many categories there are: numbers run from 0 to one less.
        output_mode: 'one_hot' for a row for each number; 'multi_hot' for one row for
            all numbers of an example; 'count' for how often each comes in it.
        sparse: False; there are no sparse arrays here.

    Call arguments:
        count_weights: For 'count', what each number counts, in the input's shape.

    Input and output: whole numbers (batch, n) to (batch, num_tokens), with 'one_hot'
    to (batch, n, num_tokens), or (batch, num_tokens) for n = 1.

    Raises:
        ValueError: A number outside of 0 to num_tokens − 1, where the input is known.

    Example:
        >>> CategoryEncoding(num_tokens=4, output_mode="one_hot")([[3], [0]])
        Array([[0., 0., 0., 1.],
               [1., 0., 0., 0.]], dtype=float32)

    Source: Keras, `keras.layers.CategoryEncoding`.
    """

    role = "other"
    integers = True

    num_tokens: Any = setting(
        default=None,
        check=whole(1, fix="take IntegerLookup where it is not known beforehand"),
    )
    output_mode: str = setting(
        default="multi_hot",
        convert=named_mode,
        check=one_of("one_hot", "multi_hot", "count"),
    )
    sparse: bool = setting(default=False, check=dense)

    def gather(
        self, x: Tree, count_weights: Tree = None, **options: Any
    ) -> tuple[Tree, Config]:
        if count_weights is not None and self.output_mode != "count":
            raise self.misfit(
                f"count_weights with output_mode={self.output_mode!r}",
                "them for 'count' alone",
                "leave them out",
            )
        x, options = super().gather(x, **options)
        return (x if count_weights is None else (x, count_weights)), options

    def compute(self, params: Params, x: Tree) -> Array:
        ids, weights = x if isinstance(x, tuple) else (x, None)
        mode, depth = self.output_mode, self.num_tokens
        if weights is None:
            return encoded(ids, mode, depth, self.dtype, jnp)
        rows = encoded(ids[..., None], "one_hot", depth, self.dtype, jnp)
        return (rows * weights[..., None]).sum(1 if ids.ndim > 1 else 0)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        pair = input_shape and isinstance(input_shape[0], tuple)
        shape = input_shape[0] if pair else input_shape
        return encoded_shape(shape, self.output_mode, self.num_tokens)

    def check_input(self, x: Tree) -> None:
        """Refuses numbers outside of 0 to num_tokens − 1."""
        ids = np.asarray(x[0] if isinstance(x, tuple) else x)
        bad = (ids < 0) | (ids >= self.num_tokens)
        if bad.any():
            raise self.misfit(
                f"the category {ids[bad][0]}",
                f"whole numbers from 0 to {self.num_tokens - 1} "
                f"(num_tokens={self.num_tokens})",
                f"write num_tokens={int(ids.max()) + 1}"
                if ids.min() >= 0
                else "take IntegerLookup, which numbers any values",
            )


def _edges(value: Any) -> Any:
    """Bounds of bins as plain numbers."""
    if value is None:
        return None
    return tuple(np.asarray(value, "float64").ravel().tolist())


class Discretization(Layer):
    """Numbers as the numbers of bins: the i for which edge_i ≤ x < edge_i+1.

    The edges are given, or learned by `adapt` so that as many numbers fall into each
    bin. It is an ordinary layer of the program.

    Args:
        bin_boundaries: The edges between bins, rising; one bin more than edges.
        num_bins: In place of them, how many bins `adapt` shall make.
        epsilon: How exact `adapt` is: a smaller one keeps more numbers in mind.
        output_mode: 'int' for the bin's number; 'one_hot', or 'multi_hot' and 'count'
            of a row of several.
        sparse: False; there are no sparse arrays here.

    Input and output: numbers (batch, ...) to whole numbers of that shape, or rows of
    as many numbers as there are bins.

    Raises:
        ValueError: Both or neither of bin_boundaries and num_bins, edges that do not
            rise, a call before `adapt`.

    Example:
        >>> Discretization(bin_boundaries=[0.0, 0.5, 1.0])([[-1.0, 0.5, 7.0]])
        Array([[0, 2, 3]], dtype=int32)

    Source: Keras, `keras.layers.Discretization`.
    """

    role = "other"
    integers: ClassVar[bool] = True

    bin_boundaries: Any = setting(default=None, convert=_edges)
    num_bins: int | None = setting(default=None, check=whole(1, optional=True))
    epsilon: float = setting(default=0.01, check=between(above=0, below=1))
    output_mode: str = setting(
        default="int",
        convert=named_mode,
        check=one_of("int", "one_hot", "multi_hot", "count"),
    )
    sparse: bool = setting(default=False, check=dense)

    _mutable: ClassVar[frozenset[str]] = Layer._mutable | {"bin_boundaries"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.bin_boundaries is None) == (self.num_bins is None):
            both = self.num_bins is not None
            raise self.misfit(
                f"{'both' if both else 'neither of'} bin_boundaries and num_bins",
                "the edges, or how many bins `adapt` shall make",
                "write num_bins=10, then layer.adapt(x)",
            )
        edges = np.array(self.bin_boundaries or [], "float64")
        if (np.diff(edges) < 0).any() or not np.isfinite(edges).all():
            raise self.misfit(
                f"bin_boundaries={list(self.bin_boundaries)}",
                "edges that rise",
                "write sorted(edges)",
            )

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The layer with these settings; num_bins with the edges that it learned."""
        edges = config.get("bin_boundaries")
        if edges is None or config.get("num_bins") is None:
            return super().from_config(config)
        layer = super().from_config(config | {"bin_boundaries": None})
        layer.bin_boundaries = _edges(edges)
        return layer

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed; it keeps the edges that it learned."""
        if self.num_bins is None or changes.keys() & {"bin_boundaries", "num_bins"}:
            told = {"bin_boundaries": None} if self.num_bins is not None else {}
            return super().replace(**(told | changes))
        layer = super().replace(**changes, bin_boundaries=None)
        layer.bin_boundaries = self.bin_boundaries
        return layer

    @property
    def output_dtype(self) -> str:
        """The type of the output's numbers."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def in_type(self, nest: Tree) -> Tree:
        return nest

    @property
    def bins(self) -> int | None:
        """How many bins there are."""
        edges = self.bin_boundaries
        return self.num_bins if edges is None else len(edges) + 1

    def compute(self, params: Params, x: Array) -> Array:
        edges = self.bin_boundaries
        if edges is None:
            raise self.misfit(
                "numbers before the edges of bins are known",
                "a layer that has seen data, or was given its edges",
                "write layer.adapt(x) on the training rows first",
            )
        x = x.astype(config.floatx())
        at = jnp.searchsorted(jnp.asarray(edges, x.dtype), x, side="right")
        if self.output_mode == "int":
            return at.astype("int32")
        return encoded(at, self.output_mode, len(edges) + 1, self.dtype, jnp)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        if self.output_mode == "int":
            return input_shape
        return encoded_shape(input_shape, self.output_mode, self.bins)

    def adapt(
        self, data: Data, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learns the edges: quantiles of the data, as exact as epsilon.

        Args:
            data: Numbers, or a stream of batches of them.
            batch_size: Accepted for Keras' scripts.
            steps: So many batches at most.

        Raises:
            ValueError: Edges that were given, no data, NaN.
        """
        del batch_size
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    summary = np.zeros((2, 0), "float32")  # not annotated, so that it is no setting
    """A sample of the numbers that `adapt` has seen, and what each stands for."""

    def reset_state(self) -> None:
        """Forgets the numbers that `update_state` was given."""
        object.__setattr__(self, "summary", np.zeros((2, 0), "float32"))

    def update_state(self, data: Data) -> None:
        """Looks at one batch of numbers."""
        if self.num_bins is None:
            raise invalid(
                f"{where(self)}.adapt",
                "data beside given bin_boundaries",
                "one or the other",
                "write num_bins=10 in place of them",
            )
        numbers = np.asarray(data, "float32").ravel()
        if not np.isfinite(numbers).all():
            at = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise invalid(
                f"{where(self)}.adapt",
                f"{numbers[at]} at place {at}",
                "finite numbers",
                "fill or drop what is missing first",
            )
        new = _summary(numbers, self.epsilon)
        merged = _merged(new, self.summary, self.epsilon)
        object.__setattr__(self, "summary", merged)

    def finalize_state(self) -> None:
        """Takes the edges from the batches that there were."""
        if not self.summary.size:
            raise invalid(f"{where(self)}.adapt", "no data", "one number or more")
        edges = _thinned(self.summary, 1 / (self.num_bins or 1))[0, :-1]
        self.bin_boundaries = _edges(edges)


# Quantiles of a stream: a summary is a sorted sample, and how many numbers each of its
# numbers stands for. Greenwald and Khanna 2001; the steps are Keras', for its numbers.


def _summary(numbers: np.ndarray, epsilon: float) -> np.ndarray:
    step = max(len(numbers) * epsilon, 1)
    sample = np.sort(numbers)[int(step - 1) :: int(step)]
    return np.stack([sample, np.full_like(sample, step)])


def _merged(one: np.ndarray, other: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([one, other], axis=1)
    return _thinned(both[:, np.argsort(both[0])], epsilon)


def _thinned(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary of about 1/epsilon numbers, between those that there are."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    known = weights / weights[-1]
    sample, weights = (np.interp(shares, known, v) for v in (summary[0], weights))
    return np.stack([sample, np.diff(weights, prepend=0)]).astype("float32")
