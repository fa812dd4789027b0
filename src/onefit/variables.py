"""Variables: views of the arrays that layers, metrics and optimizers hold.

A model is a description plus a pytree of weights, and programs work on that pytree.
People hold objects: `layer.kernel`, `metric.variables`, `optimizer.iterations`. A
`Variable` joins the two. It keeps no number of its own where an owner has one: it reads
and replaces one array in its owner's place, so that both always agree.
"""

import operator
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import invalid, mistyped
from onefit.slots import Slot, is_held
from onefit.types import Array, ArrayLike, Config, Function, Operators

__all__ = ["READERS", "SCOPES", "Variable", "view"]

READERS: ContextVar[tuple[Callable[["Variable", Any], Any], ...]] = ContextVar(
    "readers", default=()
)
"""Who is told that an array of a variable is computed with, and gives what is used."""


SCOPES: ContextVar[tuple[str, ...]] = ContextVar("scopes", default=())
"""The names that stand in front of a variable's in its path."""


class Variable(Operators):
    """One array that may be read, computed with and replaced.

    `Variable(value)` holds the array itself. What layers, metrics and optimizers give
    are views of the arrays they hold (`view`): assigning to one changes its owner.
    Arithmetic, indexing, `numpy` and `jax.numpy` take it as its array.

    Args:
        initializer: The first value: an array, or a function of shape and dtype, also
            by the name of an initializer, "zeros".
        shape: The shape, for a function.
        dtype: The type of the numbers; by default that of the array, or `floatx()`.
        trainable: Whether training changes it.
        name: Its name.

    Raises:
        TypeError: A function without a shape.
        ValueError: An assigned value of another shape.

    Example:
        >>> layer = onefit.layers.Dense(1, kernel_initializer="ones")
        >>> _ = layer.build((None, 2))
        >>> layer.kernel.assign([[2.0], [3.0]]).numpy()
        array([[2.],
               [3.]], dtype=float32)
        >>> float(layer.get_weights()[0].sum())
        5.0

    Source: Keras, `keras.Variable`.
    """

    # Before numpy's own, so that `array @ variable` asks the variable.
    __array_priority__ = 100

    _value = Slot()
    trainable = True
    is_seed = False
    """Whether it is the state of a source of random numbers, and so no weight."""
    rule_of: ClassVar[Callable[[Any], Any] | None] = None
    """What gives the initializer of a name or a config: `initializers.get`."""
    regularizer: Callable[[Array], Array] | None = None
    constraint: Callable[[Array], Array] | None = None

    def __init__(
        self,
        initializer: ArrayLike | Function | str | Config,
        shape: tuple[int, ...] | None = None,
        dtype: DTypeLike | None = None,  # a name, or what numpy and jax take for one
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        self.name = name or "variable"
        self.path = "/".join((*SCOPES.get(), self.name))
        self.trainable, self.initializer = trainable, None
        if isinstance(initializer, str | dict) and Variable.rule_of is not None:
            initializer = Variable.rule_of(initializer)
        if callable(initializer) and not hasattr(initializer, "shape"):
            if shape is None:
                raise mistyped(
                    f"Variable {self.name!r}",
                    "a function and no shape",
                    "the shape of the array that the function makes",
                    "write Variable(initializer, shape=(3, 2))",
                )
            self.initializer = initializer
            initializer = initializer(tuple(shape), dtype or config.floatx())
        value = _as_array(f"Variable {self.name!r}", initializer)
        if dtype is None and isinstance(value, np.ndarray):  # as Keras has it
            kinds = {np.dtype("float64"): config.floatx(), np.dtype("int64"): "int32"}
            dtype = kinds.get(value.dtype)
        self._value = value if dtype is None else value.astype(dtype)

    def __init_subclass__(cls) -> None:
        _as_pytree(cls)  # a registration holds for one class alone

    def _read(self) -> Array:
        return self._value

    def _write(self, value: Array) -> None:
        self._value = value

    def _is_held(self) -> bool:
        """Whether a program has its own value of it."""
        return is_held(self)

    @property
    def value(self) -> Array:
        """The array as it is now."""
        value = self._read()
        for reader in READERS.get():
            value = reader(self, value)
        return value

    def numpy(self) -> np.ndarray:
        """The array, copied to numpy."""
        return np.array(self._read())

    def assign(self, value: "Variable | ArrayLike") -> "Variable":
        """Replaces the array by one of its shape; numbers take its type.

        Raises:
            TypeError: What is no number, fractions for a variable of whole numbers, an
                assignment inside a compiled function.
            ValueError: Another shape.
        """
        old, where = self._read(), f"Variable {self.path!r}"
        new = _as_array(where, value)
        if new.shape != old.shape:
            raise invalid(
                where,
                f"an array of shape {new.shape}",
                f"shape {tuple(old.shape)}, which it keeps",
                "reshape the array, or build its owner for another input",
            )
        known = isinstance(old, Tracer) or self._is_held()
        if isinstance(new, Tracer) and not known:
            raise mistyped(
                where,
                "an assignment inside a compiled function",
                "a variable of the layer or metric that is computed, or one outside",
                "make it an attribute of that layer, or return the new value",
            )
        whole = jnp.issubdtype(old.dtype, jnp.integer)
        if whole and not isinstance(new, Tracer) and np.any(new != np.floor(new)):
            raise mistyped(where, "fractions", f"whole numbers, {old.dtype}")
        if jnp.iscomplexobj(new) and not jnp.iscomplexobj(old):
            raise mistyped(where, "complex numbers", f"real ones, {old.dtype}")
        self._write(new.astype(old.dtype))
        return self

    def assign_add(self, value: "Variable | ArrayLike") -> "Variable":
        """Adds to the array: v := v + value."""
        return self.assign(self.value + _value_of(value))

    def assign_sub(self, value: "Variable | ArrayLike") -> "Variable":
        """Subtracts from the array: v := v - value."""
        return self.assign(self.value - _value_of(value))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the array."""
        return tuple(self._read().shape)

    @property
    def dtype(self) -> str:
        """The type of the numbers by name: 'float32'."""
        return str(self._read().dtype)

    @property
    def ndim(self) -> int:
        """How many axes the array has."""
        return self._read().ndim

    @property
    def size(self) -> int:
        """How many numbers the array has."""
        return self._read().size

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> np.ndarray:
        del copy  # always a copy: the array itself may be replaced at any time
        return np.array(self._read(), dtype)

    def __jax_array__(self) -> Array:
        return jnp.asarray(self.value)

    def __getattr__(self, name: str) -> Any:
        # What an array can be asked (sum, T, astype, ...) the variable can be asked.
        if name.startswith("_"):
            raise AttributeError(name)
        # To ask for what arrays do not have is not to compute with one.
        return getattr(self.value if hasattr(jax.Array, name) else self._read(), name)

    def __getitem__(self, index: Any) -> Array:
        return self.value[index]

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[Array]:
        return iter(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __round__(self, digits: int = 0) -> Array:
        return jnp.round(self.value, digits)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        value = self._read()
        shown = value if isinstance(value, Tracer) else np.asarray(value)
        return (
            f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, "
            f"value={shown}>"
        )


def _as_pytree(cls: type[Variable]) -> None:
    """Lets JAX's functions see the array inside: a pytree with one leaf."""

    def around(_: None, leaves: tuple[Any]) -> Variable:  # whatever JAX puts there
        return view(lambda: leaves[0], _fixed, name="variable", path="variable")

    jax.tree_util.register_pytree_node(cls, lambda v: ((v.value,), None), around)


def view(
    read: Callable[[], Array],
    write: Callable[[Array], None],
    *,
    name: str,
    path: str,
    trainable: bool = True,
    owner: object = None,
) -> Variable:
    """A variable whose array lives with its owner.

    Args:
        read: Gives the owner's array as it is now.
        write: Replaces it in the owner's place.
        name: Its name there: "kernel".
        path: The names of the owner and of the variable: "dense/kernel".
        trainable: Whether training changes it.
        owner: The owner, if it has a slot that a program may hold.
    """
    variable = object.__new__(_View)
    variable.owner = owner
    variable.reader, variable.writer = read, write
    variable.name, variable.path, variable.trainable = name, path, trainable
    return variable


def _value_of(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x


def _as_array(where: str, value: object) -> Array:
    """An array of its own; traced values stay as they are."""
    value = _value_of(value)
    if isinstance(value, jax.Array):
        return value
    array = np.array(value)
    if array.dtype.kind in "OSUMm":
        raise mistyped(where, f"{value!r}", "numbers", "write an array or a list")
    return array


def _operators() -> None:
    """Gives Variable the operators of an array, each computed on its array."""
    two = "add sub mul truediv floordiv mod pow matmul and or xor"
    compared = "lt le gt ge eq ne"
    for name in (*two.split(), *compared.split(), "neg", "pos", "abs", "invert"):
        function = getattr(operator, f"__{name}__")

        def method(self: Variable, *other: Any, function: Function = function) -> Array:
            return function(jnp.asarray(self.value), *map(_value_of, other))

        setattr(Variable, f"__{name}__", method)
    for name in two.split():
        function = getattr(operator, f"__{name}__")

        def back(self: Variable, a: ArrayLike, function: Function = function) -> Array:
            return function(_value_of(a), jnp.asarray(self.value))

        setattr(Variable, f"__r{name}__", back)


class _View(Variable):
    """A variable that reads and writes by functions of its owner's."""

    owner: object
    reader: Callable[[], Array]
    writer: Callable[[Array], None]

    def _read(self) -> Array:
        return self.reader()

    def _write(self, value: Array) -> None:
        self.writer(value)

    def _is_held(self) -> bool:
        return is_held(self.owner)


def _fixed(value: Array) -> None:
    del value
    raise mistyped(
        "Variable",
        "an assignment inside a compiled function",
        "one outside it",
        "return the new value, and assign it there",
    )


_operators()
_as_pytree(Variable)
