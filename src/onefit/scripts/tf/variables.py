"""tf.Variable: the library's own, by TensorFlow's words."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import variables
from onefit.errors import mistyped
from onefit.scripts.tf.arrays import Text, convert_to_tensor, reference
from onefit.scripts.tf.shapes import TensorShape
from onefit.types import ArrayLike

__all__ = [
    "IndexedSlices",
    "Variable",
    "VariableAggregation",
    "VariableSynchronization",
]


class IndexedSlices(NamedTuple):
    """Rows of a tensor, and which they are."""

    values: Any
    indices: Any
    dense_shape: Any = None


class _AnyVariable(type(variables.Variable)):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, variables.Variable)


class Variable(variables.Variable, metaclass=_AnyVariable):
    """A tensor that may be assigned to.

    What layers and optimizers hold are variables too: `isinstance` says so.

    Args:
        initial_value: The first value: an array, a nest of lists, or a function.
        trainable: Whether training changes it, and tapes watch it.
        validate_shape, caching_device, variable_def, import_scope, synchronization,
            aggregation: Accepted for TensorFlow's scripts, and do nothing.
        name: Its name.
        dtype: The type of its numbers.
        constraint: What is done to the value after a step.
        shape: The shape that it keeps.

    >>> v = Variable([1.0, 2.0], name="w")
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: DTypeLike | None = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        tensor = convert_to_tensor(value, dtype)
        if isinstance(tensor, Text):
            raise mistyped("tf.Variable", "text", "numbers", "write tf.constant(text)")
        name = name or "Variable"
        super().__init__(tensor, trainable=trainable is not False, name=name)
        self.constraint = constraint

    @property
    def shape(self) -> TensorShape:
        """The sizes."""
        return TensorShape(super().shape)

    def get_shape(self) -> TensorShape:
        """The sizes."""
        return self.shape

    def read_value(self) -> Any:
        """The value as a tensor."""
        return self.value

    def assign(
        self,
        value: ArrayLike,
        use_locking: bool = False,
        name: str | None = None,
        read_value: Any = True,
    ) -> "Variable":
        """Replaces the value; see `onefit.variables.Variable.assign`."""
        super().assign(convert_to_tensor(value))
        return self

    def assign_add(  # pyright: ignore[reportIncompatibleMethodOverride] - its name
        self,
        delta: ArrayLike,
        use_locking: bool = False,
        name: str | None = None,
        read_value: Any = True,
    ) -> "Variable":
        """Adds to the value."""
        return self.assign(self.value + convert_to_tensor(delta))

    def assign_sub(  # pyright: ignore[reportIncompatibleMethodOverride] - its name
        self,
        delta: ArrayLike,
        use_locking: bool = False,
        name: str | None = None,
        read_value: Any = True,
    ) -> "Variable":
        """Subtracts from the value."""
        return self.assign(self.value - convert_to_tensor(delta))

    @property
    def _array(self) -> jax.Array:
        return jnp.asarray(self.value)

    def scatter_update(self, sparse_delta: IndexedSlices, *ignored: Any) -> "Variable":
        """Replaces some rows."""
        values, indices, _ = map(np.asarray, sparse_delta)
        return self.assign(self._array.at[indices].set(values))

    def scatter_add(self, sparse_delta: IndexedSlices, *ignored: Any) -> "Variable":
        """Adds to some rows."""
        values, indices, _ = map(np.asarray, sparse_delta)
        return self.assign(self._array.at[indices].add(values))

    def scatter_nd_update(
        self, indices: Any, updates: Any, name: Any = None
    ) -> "Variable":
        """Replaces the numbers at some places."""
        places = tuple(np.moveaxis(np.asarray(indices), -1, 0))
        return self.assign(self._array.at[places].set(convert_to_tensor(updates)))

    def ref(self) -> Any:
        """Something to put into sets and dicts in its place."""
        return reference(self)

    def __repr__(self) -> str:
        values = np.asarray(self)
        text = repr(values) if values.ndim else str(values)
        start = "\n" if "\n" in text else ""
        return (
            f"<tf.Variable '{self.name}:0' shape={tuple(self.shape)} "
            f"dtype={self.dtype}, numpy={start}{text}>"
        )


class _Part:
    """A part of a variable, which may be assigned to."""

    def __init__(self, whole: Any, key: Any) -> None:
        self.whole, self.key = whole, key

    def assign(self, value: Any, **ignored: Any) -> Any:
        """Replaces the part; the variable."""
        now = self.whole.value.at[self.key].set(convert_to_tensor(value))
        return self.whole.assign(now)

    def assign_add(self, delta: Any, **ignored: Any) -> Any:
        """Adds to the part; the variable."""
        return self.assign(self.whole.value[self.key] + convert_to_tensor(delta))

    def assign_sub(self, delta: Any, **ignored: Any) -> Any:
        """Subtracts from the part; the variable."""
        return self.assign(self.whole.value[self.key] - convert_to_tensor(delta))


def part(whole: Any, key: Any) -> Any:
    """`whole[key]`, where it is to be assigned to."""
    return _Part(whole, key) if isinstance(whole, variables.Variable) else whole[key]


class VariableAggregation:
    """How copies of a variable become one; there is one here."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = range(4)


class VariableSynchronization:
    """When copies of a variable are made the same; there is one here."""

    AUTO, NONE, ON_WRITE, ON_READ = range(4)
