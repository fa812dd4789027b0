# ruff: noqa: D102
"""Layers that stand for something else: an input, a function, nothing at all."""

import inspect
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from jax.typing import DTypeLike

from onefit import activations
from onefit.config import floatx
from onefit.custom import CustomObjectScope
from onefit.description import setting
from onefit.errors import invalid, is_whole, mistyped
from onefit.layers import operation  # noqa: F401 - gives the values of Input operators
from onefit.layers.base import Layer, layers, traced_output_shape
from onefit.layers.shapes import SameShape
from onefit.layers.symbolic import Call, Tensor
from onefit.spellings import keras_keywords
from onefit.types import (
    Config,
    Function,
    Generator,
    Identifier,
    Mask,
    Params,
    Shape,
    Shapes,
    Tree,
)

__all__ = ["Identity", "Input", "InputLayer", "Lambda", "deserialize", "serialize"]


class Identity(SameShape, Layer):
    """Lets x pass: a = x.

    Input and output: any shape, the same.

    Example:
        >>> Identity()(np.array([1.0, 2.0]))
        Array([1., 2.], dtype=float32)

    Source: Keras, `keras.layers.Identity`.
    """

    role = "shape"

    def compute(self, params: Params, x: Tree) -> Tree:
        return x


class _Arguments(dict):
    """Keyword arguments, fixed, so that they can be part of a structure."""

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - a dict has none
        return hash(tuple(self))


def _named(value: Any) -> Any:
    """A function; that of an activation's name, as a file has it."""
    known = isinstance(value, str) and activations.activations.knows(value)
    return activations.get(value) if known else value


def _function(place: str, name: str, value: object) -> None:
    if not callable(value):
        raise mistyped(
            place,
            f"{name}={value!r}",
            "a function of an array",
            "write Lambda(lambda x: x ** 2)",
        )


def _mask_function(place: str, name: str, value: object) -> None:
    if value is not None and not callable(value):
        raise mistyped(
            place,
            f"{name}={type(value).__name__}",
            "a function of the inputs and their mask",
            "write Lambda(f, mask=lambda inputs, mask: mask)",
        )


class Lambda(Layer):
    """A function as a layer: a = f(x).

    The function is part of the program, so it is written with jax.numpy and changes
    nothing outside. One that takes `training` is given it.

    Args:
        function: f, of an array.
        arguments: Keyword arguments for f.
        mask: Which steps of the output there are, a function of the inputs and of
            their mask; by default it is not known.

    Input and output: whatever f takes and gives, with the batch first.

    Raises:
        TypeError: What is no function.
        ValueError: A function that fails on the input's shape; a request for the
            config of one without a name, since files hold no code.

    Differs from Keras: output_shape is found by tracing, and not looked at. Files hold
    the function's name, never its code: `load_model` is given the function,
    `custom_objects={"double": double}`, or finds it if it was registered.

    Example:
        >>> Lambda(lambda x: x**2)(np.array([1.0, 3.0]))
        Array([1., 9.], dtype=float32)

    Source: Keras, `keras.layers.Lambda`.
    """

    role = "other"
    by_row = False  # a function may do anything

    _indifferent = frozenset({"output_shape"})  # it is found by tracing
    function: Any = setting(convert=_named, check=_function)
    arguments: Any = setting(
        default=None, convert=lambda given: _Arguments(given or {}), kw_only=True
    )
    mask: Any = setting(default=None, check=_mask_function, kw_only=True)

    @property
    def supports_masking(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - as the setting says
        """Whether a function tells the mask."""
        return self.mask is not None

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return None if self.mask is None else self.mask(inputs, mask)

    def apply(self, params, state, x, *, training=False, key=None):
        more = {"training": training} if _takes(self.function, "training") else {}
        return self.function(x, **(self.arguments | more)), state

    def output_shape(self, input_shape: Shapes) -> Shapes:
        try:
            return traced_output_shape(self, input_shape)
        except Exception as error:
            raise self.misfit(
                f"a function that fails on input of shape {input_shape} "
                f"({type(error).__name__}: {str(error).splitlines()[0]})",
                "a function of a jax array, whose values are not yet known",
                "use jax.numpy in it, and jnp.where in place of if",
            ) from error

    def get_config(self) -> Config:
        """The settings; refused of a function without a name, which is code."""
        if getattr(self.function, "__name__", "<lambda>") == "<lambda>":
            raise self.misfit(
                "a request for the config of a function without a name",
                "a layer that settings describe",
                "write def double(x): return 2 * x, and Lambda(double)",
            )
        return super().get_config()


def _takes(function: Function, name: str) -> bool:
    """Whether a function has a parameter of this name."""
    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # some built-in functions do not tell
        return False


def _shape(value: object) -> Shape | None:
    """A shape from a tuple or list; refuses all else."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        sizes = tuple(value)
        if all(size is None or is_whole(size, 1) for size in sizes):
            return tuple(size if size is None else int(size) for size in sizes)
    error = invalid if isinstance(value, list | tuple) else mistyped
    raise error(
        "Input",
        received=f"shape={value!r}",
        expected="a tuple of positive whole numbers and None",
        fix=f"write Input(shape=({value},))" if isinstance(value, int) else "",
    )


def _dense(place: str, name: str, value: object) -> None:
    """Refuses all but arrays; for `setting(check=_dense)`."""
    if value:
        cure = {
            "sparse": "give dense arrays, x.toarray()",
            "ragged": "pad the rows: onefit.utils.pad_sequences(rows)",
        }
        raise invalid(
            place, f"{name}={value}", "False, as inputs are arrays", cure[name]
        )


class InputLayer(SameShape, Layer):
    """The shape of a model's inputs, as the first of its layers: a^[0] = x.

    Args:
        shape: The shape of one example; None for a size that varies.
        batch_size: The number of examples, where it is fixed.
        batch_shape: Both at once, in place of them: (batch_size, *shape).
        dtype: The inputs' type.
        sparse, ragged: False: inputs are arrays.
        optional: Whether a model may be given None in its place.

    Input and output: (batch, *shape), the same.

    Raises:
        ValueError: No shape, two that differ, or an input of another shape.

    Example:
        >>> InputLayer((2,)).output_shape((None, 2))
        (None, 2)

    Source: lecture 003, "tf.keras.Input(shape=(2,))".
    """

    role = "other"
    integers = True
    takes_text = True
    takes_policy = False

    shape: Any = setting(default=None, convert=_shape)
    batch_size: int | None = None
    batch_shape: Any = setting(default=None, convert=_shape, kw_only=True)
    sparse: bool = setting(default=False, check=_dense, kw_only=True)
    ragged: bool = setting(default=False, check=_dense, kw_only=True)
    optional: bool = setting(default=False, kw_only=True)

    @property
    def output(self) -> Tensor:
        return self.entrance()

    def __post_init__(self) -> None:
        if self.own_dtype in ("float64", floatx()):
            # Of the data: they become numbers of the library's type, as all do.
            object.__setattr__(self, "own_dtype", None)
        super().__post_init__()
        given = self.batch_shape
        if (
            self.shape is None and given is None and self.told_shape is not None
        ):  # as Keras 2 has it
            object.__setattr__(self, "shape", tuple(self.told_shape))
            object.__setattr__(self, "batch_size", self.batch_size or self.told_batch)
        if self.shape is not None:
            whole = (self.batch_size, *self.shape)
        elif given is not None:
            whole = given
        else:
            raise invalid(
                "Input",
                "no shape",
                "the shape of one example",
                "write Input(shape=(2,)) for two features",
            )
        if given is not None and given != whole:
            raise invalid(
                "Input",
                f"batch_shape={given} beside shape={self.shape} and "
                f"batch_size={self.batch_size}",
                "one way of giving the shape",
                "write Input(shape=...) alone",
            )
        for name, value in zip(
            ("batch_shape", "batch_size", "shape"),
            (whole, whole[0], whole[1:]),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    def compute(self, params: Params, x: Tree) -> Tree:
        return x

    def get_config(self) -> Config:
        return super().get_config() | {"dtype": self.own_dtype or floatx()}

    def build(self, input_shape: Shapes, rng: Generator | None = None) -> Self:
        # It draws nothing, and so takes nothing from the stream of seeds.
        return super().build(input_shape, rng or np.random.default_rng(0))

    def entrance(self) -> Tensor:
        """What stands for the input in a graph."""
        if not self._calls:
            call = Call(self, (), None, (), self.batch_shape)
            object.__setattr__(self, "_calls", (call,))
        return self._calls[0].outputs

    def check_input(self, x: Tree) -> None:
        if x is None and not self.optional:
            raise self.misfit(
                "None as its input",
                f"an array of shape {self.batch_shape}",
                "write Input(shape, optional=True) for one that may be left out",
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape is None and self.optional:
            return input_shape
        sizes = zip(input_shape[1:], self.shape, strict=False)
        if len(input_shape) != len(self.batch_shape) or any(
            None not in pair and pair[0] != pair[1] for pair in sizes
        ):
            raise self.misfit(
                f"input of shape {input_shape}",
                f"{self.batch_shape}",
                "give x that shape, or the layer the shape of x",
            )
        return input_shape


@keras_keywords
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
    *,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    sparse: bool = False,
    ragged: bool = False,
    optional: bool = False,
) -> Tensor:
    """The inputs of a model: `Sequential([Input((2,)), Dense(3)])`.

    What it returns stands for the array that the model will be given; calling layers on
    it makes a graph: `x = Input((2,))`, `Model(x, Dense(3)(x))`.

    Args:
        shape: The shape of one example, without the batch.
        batch_size: The number of examples, where it is fixed.
        dtype: The inputs' type, "int32" for token ids, "string" for text, which a
            layer before the program takes (TextVectorization, StringLookup, ...).
        batch_shape: (batch_size, *shape), in place of both.
        name: What the input is called.
        sparse, ragged: False: inputs are arrays.
        optional: Whether a model may be given None in its place: the layers that are
            called on it then have None as that argument.

    Example:
        >>> Input((2,), name="table")
        <Tensor of shape (None, 2) from 'table'>

    Source: lecture 003, "tf.keras.Input(shape=(2,))".
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        batch_shape=batch_shape,
        name=name,
        sparse=sparse,
        ragged=ragged,
        optional=optional,
    )
    return layer.build(layer.batch_shape).entrance()


def _entrance(shape: Shape, dtype: DTypeLike, name: str | None) -> Call:
    """The call that a value without a call before it comes from."""
    return Input(batch_shape=shape, dtype=dtype, name=name).call


Tensor.entrance = staticmethod(_entrance)


# As settings --------------------------------------------------------------------------


def serialize(layer: Layer) -> Config:
    """A layer as JSON can hold it: its class's name and its settings.

    >>> serialize(onefit.layers.Dense(2))["class_name"]
    'Dense'
    """
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(
    config: Config, custom_objects: dict[str, Identifier] | None = None
) -> Any:
    """The layer that `serialize`, of onefit or Keras, wrote down.

    >>> deserialize(serialize(onefit.layers.Dense(2))).units
    2
    """
    with CustomObjectScope(custom_objects):
        return layers.get(config)
