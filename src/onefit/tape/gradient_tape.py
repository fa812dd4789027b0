"""GradientTape, the face: what is watched, what is asked, how answers are arranged."""

import contextlib
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from onefit.errors import OnefitWarning, invalid, mistyped
from onefit.slots import innermost
from onefit.tape.recording import Record, add, is_float
from onefit.types import Array, Tree
from onefit.variables import READERS, Variable

__all__ = ["GradientTape"]

UNCONNECTED = ("none", "zero")


class _Reads(NamedTuple):
    """What a variable gave to a tape.

    Attributes:
        variable: The variable.
        value: Its array at the last read.
        given: The array that each read gave, one for each value.
    """

    variable: Variable
    value: Any = None
    given: tuple[Any, ...] = ()


class GradientTape:
    """Writes down what is computed inside a `with` block, to differentiate it.

    g = ∂J/∂w, where J is computed inside the block from w. Trainable variables that are
    read inside the block are watched; other arrays by `watch`. Layers, models and
    losses that are called there, and all functions of JAX, are written down.

    Args:
        persistent: Whether more than one gradient may be asked for. The tape then keeps
            its arrays until it is deleted.
        watch_accessed_variables: Whether trainable variables are watched when they are
            read; if not, only what `watch` is told.

    Raises:
        ValueError: A second gradient of a tape that is not persistent, a tape that is
            entered while it records; a compiled function that closes over a watched
            array.
        TypeError: Sources that are no variables or arrays.

    Differs from TensorFlow: what numpy computes is not written down (there it is the
    same), nor what a program does that was compiled before, such as `model.fit`. When
    no source has a gradient there is a warning.

    Example:
        >>> x = jnp.array(3.0)
        >>> with onefit.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0

        A step of training:

        >>> model = onefit.Sequential([onefit.Input((2,)), onefit.layers.Dense(1)])
        >>> optimizer = onefit.optimizers.SGD(0.1)
        >>> x, y = jnp.ones((4, 2)), jnp.ones((4, 1))
        >>> with onefit.GradientTape() as tape:
        ...     loss = jnp.mean((model(x, training=True) - y) ** 2)
        >>> gradients = tape.gradient(loss, model.trainable_variables)
        >>> _ = optimizer.apply_gradients(zip(gradients, model.trainable_variables))

        A second derivative, by a tape inside another:

        >>> w = onefit.variables.Variable(3.0)
        >>> with onefit.GradientTape() as outer:
        ...     with onefit.GradientTape() as inner:
        ...         y = w**3
        ...     slope = inner.gradient(y, w)
        >>> float(slope), float(outer.gradient(slope, w))
        (27.0, 18.0)

    Source: TensorFlow, `tf.GradientTape`; Griewank and Walther, "Evaluating
    Derivatives", 2008, chapter 3 (reverse mode).
    """

    def __init__(
        self, persistent: bool = False, watch_accessed_variables: bool = True
    ) -> None:
        self._persistent, self._automatic = persistent, watch_accessed_variables
        self._record, self._block = Record(), None
        self.reset()

    def reset(self) -> None:
        """Forgets all that was written down and watched."""
        self._record.clear()
        self._reads: dict[int, _Reads] = {}
        self._asked: dict[int, Variable] = {}  # by `watch`
        self._used = False

    # The block -----------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._block is not None:
            raise invalid(
                "GradientTape",
                "a tape that is entered while it records",
                "one that is not",
                "make another tape for a block inside a block",
            )
        self._block = self._record.open()
        self._block.__enter__()
        READERS.set((*READERS.get(), self._read))
        self._around = innermost()
        self._record.on, self._used = True, False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        where: TracebackType | None = None,
    ) -> None:
        self._record.on = False
        READERS.set(tuple(r for r in READERS.get() if r != self._read))
        if self._block is not None:
            self._block.__exit__(kind, error, where)
        self._block = None

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Writes nothing down inside this block, which stands in the tape's.

        >>> w = onefit.variables.Variable(3.0)
        >>> with onefit.GradientTape() as tape:
        ...     y = w * w
        ...     with tape.stop_recording():
        ...         factor = w * 1.0
        ...     y = y * factor
        >>> float(tape.gradient(y, w))
        18.0
        """
        if not self._record.on:
            raise invalid(
                "GradientTape.stop_recording",
                "a tape that does not record",
                "one that does",
                "write it inside the tape's block",
            )
        self._record.on = False
        try:
            yield
        finally:
            self._record.on = True

    def watch(self, tensor: Tree) -> None:
        """Watches an array, a variable or a nest of them from here on."""
        for x in _leaves("GradientTape.watch", tensor):
            if not is_float(x):
                warnings.warn(
                    f"GradientTape.watch: {x.dtype} numbers have no gradient; nothing "
                    "is watched. Write x.astype('float32') before.",
                    OnefitWarning,
                    stacklevel=2,
                )
            elif isinstance(x, Variable):
                self._asked[id(x)] = x
                _ = x.value  # so that it is known from now on, as in TensorFlow
            else:
                self._record.watch(x)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that are watched, in the order of their first read."""
        return tuple(reads.variable for reads in self._reads.values())

    def _read(self, variable: Variable, value: Any) -> Any:
        """What a variable gives inside the block in place of its array."""
        watched = id(variable) in self._asked or (
            self._automatic and variable.trainable
        )
        if not (self._record.on and watched and is_float(value)):
            return value
        held = variable._is_held() and innermost() is not self._around
        if held or self._record.is_inside(value):
            return value  # what a function inside the block was given in its place
        reads = self._reads.get(id(variable), _Reads(variable))
        if reads.value is not value:
            own = self._record.alias(value)
            reads = _Reads(variable, value, (*reads.given, own))
            self._reads[id(variable)] = reads
        return reads.given[-1]

    # Gradients -----------------------------------------------------------------------

    def gradient(
        self,
        target: Tree,
        sources: Tree,
        output_gradients: Tree = None,
        unconnected_gradients: str = "none",
    ) -> Tree:
        """The derivative of the target's sum by each source: Σ ∂y/∂x.

        Args:
            target: What is differentiated: an array, or a nest, whose parts are added.
            sources: Variables and watched arrays, in any nest.
            output_gradients: A factor for each number of the target, in a nest like it;
                1 unless given.
            unconnected_gradients: What a source has that the target does not depend on:
                'none' for None, 'zero' for zeros.

        Returns:
            A nest like the sources, with arrays of their shapes.

        Raises:
            ValueError, TypeError: See the class; output gradients of another shape.
        """
        where = "GradientTape.gradient"
        zero = _zero(where, unconnected_gradients)
        given = _leaves(where, sources)
        targets = jax.tree.leaves(target, is_leaf=_is_variable)
        factors = _factors(where, target, targets, output_gradients)
        with self._asking(where):
            start: dict[int, Any] = {}
            for y, factor in zip(targets, factors, strict=True):
                for place in self._places(y)[-1:]:
                    add(start, place, factor)
            found = self._backward(start, given)
        shapes = [tuple(x.shape) for x in given]
        return _arranged(where, sources, found, shapes, zero)

    def jacobian(
        self,
        target: Array,
        sources: Tree,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Tree:
        """The derivative of each number of the target by each of the sources.

        Args:
            target: An array.
            sources: Variables and watched arrays, in any nest.
            unconnected_gradients: As in `gradient`.
            parallel_iterations, experimental_use_pfor: Accepted for TensorFlow's
                scripts: all rows are computed together.

        Returns:
            A nest like the sources, of arrays of shape target.shape + source.shape.

        Example:
            >>> x = jnp.array([1.0, 2.0])
            >>> with onefit.GradientTape() as tape:
            ...     tape.watch(x)
            ...     y = x * x
            >>> tape.jacobian(y, x)
            Array([[2., 0.],
                   [0., 4.]], dtype=float32)
        """
        del parallel_iterations, experimental_use_pfor
        where = "GradientTape.jacobian"
        zero, given = _zero(where, unconnected_gradients), _leaves(where, sources)
        [y] = _leaves(where, [target])
        rows = jnp.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
        found = self._by_rows(where, y, rows, given)
        return _arranged(
            where, sources, found, [y.shape + x.shape for x in given], zero
        )

    def batch_jacobian(
        self,
        target: Array,
        source: Variable | Array,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Array | None:
        """The derivative of each row of the target by the same row of the source.

        Args:
            target: An array (batch, ...); a row depends on the source's row alone.
            source: A variable or a watched array (batch, ...).
            unconnected_gradients, parallel_iterations, experimental_use_pfor: As in
                `jacobian`.

        Returns:
            An array (batch, ...target, ...source).

        Raises:
            ValueError: Another number of rows, or no rows.
        """
        del parallel_iterations, experimental_use_pfor
        where = "GradientTape.batch_jacobian"
        zero = _zero(where, unconnected_gradients)
        y, x = _leaves(where, [target, source])
        if not (y.ndim and x.ndim and y.shape[0] == x.shape[0]):
            raise invalid(
                where,
                f"a target of shape {y.shape} and a source of shape {x.shape}",
                "the same number of rows in both, which come first",
                "write tape.jacobian(target, source) for others",
            )
        batch, shape = y.shape[0], y.shape[1:]
        size = int(np.prod(shape))
        rows = jnp.eye(size, dtype=y.dtype).reshape(size, 1, *shape)
        rows = jnp.broadcast_to(rows, (size, batch, *shape))
        [found] = self._by_rows(where, y, rows, [x])
        found = None if found is None else jnp.moveaxis(found, 0, 1)
        return _arranged(where, source, [found], [y.shape + x.shape[1:]], zero)

    @contextlib.contextmanager
    def _asking(self, where: str) -> Iterator[None]:
        """What is around each question: one of a tape that does not stay."""
        if self._used:
            raise invalid(
                where,
                "a second question to a tape that is not persistent",
                "one gradient or Jacobian of each tape",
                "write GradientTape(persistent=True), or ask for all sources at once",
            )
        if self._persistent:
            yield
            return
        self._record.on = False
        yield
        self._record.clear()
        self._used = True
        self._reads = {i: _Reads(r.variable) for i, r in self._reads.items()}

    def _places(self, x: Any) -> tuple[Any, ...]:
        """The arrays on the tape that an array, or a variable, stands for."""
        if isinstance(x, Variable):
            return self._reads.get(id(x), _Reads(x)).given
        return (x,) if id(x) in self._record.known else ()

    def _by_rows(self, where: str, y: Any, rows: Array, given: list[Any]) -> list[Any]:
        """The derivatives by the sources for many factors of y, (rows, ...source)."""
        if not is_float(y):
            raise _no_float(where, y)
        with self._asking(where):
            places = self._places(y)[-1:]
            if not places:
                return [None] * len(given)
            start = id(places[0])
            return jax.vmap(lambda row: self._backward({start: row}, given))(rows)

    def _backward(self, start: dict[int, Any], given: list[Any]) -> list[Any]:
        """The derivatives by the sources given, from those by some arrays."""
        found = self._record.backward(start, [self._places(x) for x in given])
        return [_conjugate(g) for g in found]


# Answers -----------------------------------------------------------------------------


def _is_variable(x: Any) -> bool:
    return isinstance(x, Variable)


def _conjugate(x: Any) -> Any:
    """Derivatives by complex numbers, as TensorFlow writes them."""
    return x if x is None or not jnp.iscomplexobj(x) else jnp.conj(x)


def _arranged(
    where: str,
    sources: Tree,
    found: list[Any],
    shapes: list[tuple[int, ...]],
    zero: bool,
) -> Tree:
    """The answers in the sources' nest; what those get that have none."""
    nest = jax.tree.structure(sources, is_leaf=_is_variable)
    if not zero and found and all(g is None for g in found):
        warnings.warn(
            f"{where}: the target does not depend on any of the sources, so each "
            "gradient is None. Compute the target inside the tape's block, from "
            "trainable variables or from arrays after tape.watch(x), and not by numpy.",
            OnefitWarning,
            stacklevel=3,
        )
    dtypes = (x.dtype for x in jax.tree.leaves(sources, is_leaf=_is_variable))
    return nest.unflatten(
        (jnp.zeros(shape, dtype) if zero else None) if g is None else g.reshape(shape)
        for g, shape, dtype in zip(found, shapes, dtypes, strict=True)
    )


# Questions ---------------------------------------------------------------------------


def _leaves(where: str, nest: Tree) -> list[Any]:
    """Variables and arrays in a nest; refuses what else there is."""
    leaves = jax.tree.leaves(nest, is_leaf=lambda x: x is None or _is_variable(x))
    for x in leaves:
        if not isinstance(x, Variable | jax.Array):
            raise mistyped(
                where,
                f"{x!r} ({type(x).__name__})",
                "variables and arrays of JAX",
                "write x = jnp.asarray(x) before, and compute with that",
            )
    return leaves


def _factors(where: str, target: Tree, targets: list[Any], given: Tree) -> list[Any]:
    """The factor of each target: of the shape and the type that it has."""
    for y in targets:
        if not isinstance(y, Variable | jax.Array) or not is_float(y):
            raise _no_float(where, y)
    if given is None:
        return [jnp.ones(y.shape, y.dtype) for y in targets]
    nest = jax.tree.structure(target, is_leaf=_is_variable)
    try:
        leaves = nest.flatten_up_to(given)
    except ValueError:
        leaves = []
    factors = [
        None if f is None else jnp.asarray(f, y.dtype)
        for f, y in zip(leaves, targets, strict=False)
    ]
    shapes = [None if f is None else f.shape for f in factors]
    expected = [tuple(y.shape) for y in targets]
    if any(s not in (None, e) for s, e in zip(shapes, expected, strict=False)) or (
        len(shapes) != len(expected)
    ):
        raise invalid(
            where,
            f"output gradients of shapes {shapes}",
            f"those of the target, {expected}, in a nest like it",
        )
    return [
        jnp.ones(y.shape, y.dtype) if f is None else _conjugate(f)
        for f, y in zip(factors, targets, strict=True)
    ]


def _zero(where: str, unconnected: Any) -> bool:
    """Whether sources without a gradient get zeros."""
    name = getattr(unconnected, "value", unconnected)  # an enumeration's
    if name not in UNCONNECTED:
        raise invalid(
            where,
            f"unconnected_gradients={name!r}",
            " or ".join(map(repr, UNCONNECTED)),
        )
    return name == "zero"


def _no_float(where: str, y: Any) -> TypeError:
    kind = getattr(y, "dtype", type(y).__name__)
    return mistyped(
        where,
        f"a target of {kind}",
        "an array of floats that was computed inside the tape's block by JAX",
        "compute it by jax.numpy, onefit's layers and losses, and not by numpy",
    )
