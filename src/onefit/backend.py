# ruff: noqa: F401, PLE0605
# pyright: reportUnsupportedDunderAll=false, reportAttributeAccessIssue=false
"""`keras.backend`, and the old `K`: `K.mean`, `K.square`, `K.epsilon`, `K.floatx`.

What is an operation by another name is a row of a table; what Keras 3 and JAX have no
more is refused, with what to write.
"""

import contextlib
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import activations, losses, ops, random
from onefit.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from onefit.errors import invalid
from onefit.faces import own as _own
from onefit.layers.masks import get_keras_mask, set_keras_mask
from onefit.layers.merging import Dot
from onefit.layers.symbolic import Tensor
from onefit.types import Array, ArrayLike, Function, Shape
from onefit.variables import SCOPES, Variable

# Keras 3 ------------------------------------------------------------------------------

_counts: defaultdict[str, itertools.count] = defaultdict(lambda: itertools.count(1))


def clear_session(free_memory: bool = True) -> None:
    """Forgets the programs of JAX's cache, and counts names from one again.

    Args:
        free_memory: Whether the programs are forgotten, too.

    >>> clear_session(free_memory=False)
    """
    _counts.clear()
    if free_memory:
        jax.clear_caches()


def get_uid(prefix: str = "") -> int:
    """How often this was asked with this prefix since `clear_session`.

    >>> get_uid("layer"), get_uid("layer")
    (1, 2)
    """
    return next(_counts[prefix])


def standardize_dtype(dtype: DTypeLike) -> str:
    """The name of a type; None is `floatx()`.

    >>> standardize_dtype(np.float32), standardize_dtype("int"), standardize_dtype(None)
    ('float32', 'int32', 'float32')
    """
    named = {None: floatx(), float: floatx(), "float": floatx()}
    named |= {int: "int32", "int": "int32", bool: "bool"}
    if dtype in named:
        return named[dtype]
    dtype = getattr(dtype, "name", dtype)  # of a policy, or a type of numpy or torch
    try:
        return jnp.dtype(str(dtype).rpartition(".")[2]).name
    except TypeError:
        try:
            return jnp.dtype(dtype).name
        except TypeError as error:
            raise invalid("dtype", repr(dtype), "a type such as 'float32'") from error


def is_float_dtype(dtype: DTypeLike) -> bool:
    """Whether a type is one of floats.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int8")
    (True, False)
    """
    return bool(jnp.issubdtype(standardize_dtype(dtype), jnp.floating))


def is_int_dtype(dtype: DTypeLike) -> bool:
    """Whether a type is one of whole numbers.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return bool(jnp.issubdtype(standardize_dtype(dtype), jnp.integer))


def is_keras_tensor(x: object) -> bool:
    """Whether this is a value of a graph, as `Input` gives.

    >>> is_keras_tensor(onefit.Input((2,))), is_keras_tensor(jnp.ones(2))
    (True, False)
    """
    return isinstance(x, Tensor)


def result_type(*dtypes: Any) -> str:
    """The type of what is computed from numbers of these types.

    >>> result_type("int32", "float16"), result_type("int32", float)
    ('float16', 'float32')
    """
    kinds = {None: 1.0, float: 1.0, "float": 1.0, int: 1, "int": 1}
    given = [kinds.get(d) if d in kinds else standardize_dtype(d) for d in dtypes]
    given = [jnp.dtype(d) if isinstance(d, str) else d for d in given]
    return str(jnp.result_type(*given)) if given else floatx()


# The old K: other names ---------------------------------------------------------------

_SAME = """
abs all any arange argsort batch_normalization binary_crossentropy cast
categorical_crossentropy cos cumprod cumsum dtype elu equal exp expand_dims
greater greater_equal hard_sigmoid less less_equal log max maximum mean min minimum ndim
not_equal ones_like prod round shape sigmoid sign sin softmax softplus softsign
sparse_categorical_crossentropy sqrt square squeeze stack std stop_gradient sum tanh
tile var zeros_like
"""
for _name in _SAME.split():
    globals()[_name] = getattr(ops, _name)


def _renamed(name: str, other: str) -> Function:
    function = getattr(ops, other)

    def old(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"The old name of `onefit.ops.{other}`."
    return old


_RENAMED = {
    "conv1d": "conv",
    "conv2d": "conv",
    "conv3d": "conv",
    "depthwise_conv2d": "depthwise_conv",
    "pow": "power",
    "reverse": "flip",
    "separable_conv2d": "separable_conv",
}
for _name, _other in _RENAMED.items():
    globals()[_name] = _renamed(_name, _other)


def concatenate(tensors: Any, axis: int = -1) -> Array:
    """Several one after another along an axis, the last one by default."""
    return ops.concatenate(tensors, axis=axis)


def argmax(x: ArrayLike, axis: int = -1) -> Array:
    """The place of the largest number along an axis."""
    return ops.argmax(x, axis)


def argmin(x: ArrayLike, axis: int = -1) -> Array:
    """The place of the smallest number along an axis."""
    return ops.argmin(x, axis)


def gather(reference: ArrayLike, indices: ArrayLike) -> Array:
    """The rows of these numbers."""
    return ops.take(reference, indices, axis=0)


def map_fn(
    fn: Function, elems: Any, name: str | None = None, dtype: DTypeLike | None = None
) -> Array:
    """Each row put through fn."""
    del name
    made = ops.map(fn, elems)
    return made if dtype is None else ops.cast(made, dtype)


def permute_dimensions(x: ArrayLike, pattern: Sequence[int]) -> Array:
    """The axes in another order."""
    return ops.transpose(x, pattern)


def transpose(x: ArrayLike) -> Array:
    """The axes in the reverse order."""
    return ops.transpose(x)


def repeat_elements(x: ArrayLike, rep: int, axis: int) -> Array:
    """Each part along an axis several times, one after another."""
    return ops.repeat(x, rep, axis)


def clip(x: ArrayLike, min_value: ArrayLike, max_value: ArrayLike) -> Array:
    """The numbers, of those outside the nearest end."""
    return ops.clip(x, min_value, max_value)


def reshape(x: ArrayLike, shape: Sequence[int]) -> Array:
    """The numbers in another shape."""
    return ops.reshape(x, shape)


def relu(
    x: ArrayLike,
    alpha: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """The rectifier, with Keras 2's names of its settings."""
    return activations.relu(x, alpha, max_value, threshold)


def cast_to_floatx(x: ArrayLike) -> np.ndarray:
    """A numpy array of the library's float type."""
    return np.asarray(x, floatx())


def flatten(x: ArrayLike) -> Array:
    """All numbers in one row."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: ArrayLike) -> Array:
    """The numbers of each example in one row."""
    return ops.reshape(x, (ops.shape(x)[0] or -1, int(np.prod(x.shape[1:]))))


def bias_add(x: ArrayLike, bias: ArrayLike, data_format: str | None = None) -> Array:
    """Adds a vector along the channels."""
    first = (data_format or image_data_format()) == "channels_first"
    axes = len(ops.shape(x)) - 2 if first else 0
    return x + ops.reshape(bias, (*ops.shape(bias), *[1] * axes))


def dot(x: ArrayLike, y: ArrayLike) -> Array:
    """The product of matrices; of more axes, the last of x by the last but one of y."""
    return ops.dot(x, y)


def batch_dot(x: ArrayLike, y: ArrayLike, axes: Any = None) -> Array:
    """The products of the examples of x and y: see the layer `Dot`.

    Args:
        x, y: (batch, ...).
        axes: Along which of their axes; by default the last of x, and the last but one
            of y (of its last, where it has two).
    """
    if axes is None:
        axes = [len(ops.shape(x)) - 1, max(len(ops.shape(y)) - 2, 1)]
    one, other = (axes, axes) if isinstance(axes, int) else axes
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return Dot((one, other))([x, y])
    product = jax.vmap(lambda a, b: jnp.tensordot(a, b, (one - 1, other - 1)))(x, y)
    return product[:, None] if product.ndim == 1 else product


def l2_normalize(x: Any, axis: int | None = None) -> Array:
    """Vectors of length 1."""
    return ops.divide(x, ops.sqrt(ops.maximum(ops.sum(x * x, axis, True), 1e-12)))


def one_hot(indices: ArrayLike, num_classes: int) -> Array:
    """A 1 in the place of each class, and 0 elsewhere."""
    return ops.one_hot(indices, num_classes)


def in_top_k(predictions: ArrayLike, targets: ArrayLike, k: int) -> Array:
    """Whether the target is among the k most probable classes."""
    return ops.in_top_k(targets, predictions, k)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two values, or what one of two functions gives, by a condition."""
    one, other = (
        value() if callable(value) else value
        for value in (then_expression, else_expression)
    )
    condition = ops.convert_to_tensor(condition)
    more = len(ops.shape(one)) - len(ops.shape(condition))
    for _ in range(more if len(ops.shape(condition)) else 0):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, one, other)


def repeat(x: ArrayLike, n: int) -> Array:
    """Each example n times: (batch, units) to (batch, n, units)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def resize_images(
    x: ArrayLike,
    height_factor: int,
    width_factor: int,
    data_format: str,
    interpolation: str = "nearest",
) -> Array:
    """Images made larger by whole factors."""
    axis = 2 if data_format == "channels_first" else 1
    high, wide = (int(n or 0) for n in ops.shape(x)[axis : axis + 2])
    size = (high * height_factor, wide * width_factor)
    return ops.image.resize(x, size, interpolation, data_format=data_format)


def _padding(x: ArrayLike, pairs: Sequence[Any], data_format: str | None) -> Array:
    first = (data_format or image_data_format()) == "channels_first"
    pairs = [tuple(p) for p in pairs]
    before, after = ([(0, 0)] * 2, []) if first else ([(0, 0)], [(0, 0)])
    return ops.pad(x, [*before, *pairs, *after])


def temporal_padding(x: ArrayLike, padding: tuple[int, int] = (1, 1)) -> Array:
    """Sequences with zeros before and after."""
    return ops.pad(x, [(0, 0), tuple(padding), (0, 0)])


def spatial_2d_padding(
    x: ArrayLike, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None
) -> Array:
    """Images with zeros around."""
    return _padding(x, padding, data_format)


def spatial_3d_padding(
    x: ArrayLike,
    padding: Any = ((1, 1), (1, 1), (1, 1)),
    data_format: str | None = None,
) -> Array:
    """Volumes with zeros around."""
    return _padding(x, padding, data_format)


def pool2d(
    x: ArrayLike,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Array:
    """The largest ("max") or the mean ("avg") of the windows of images."""
    pool = {"max": ops.max_pool, "avg": ops.average_pool}.get(pool_mode)
    if pool is None:
        raise invalid("pool2d", f"pool_mode={pool_mode!r}", "'max' or 'avg'")
    return pool(x, pool_size, strides, padding, data_format)


pool3d = pool2d


def foldl(fn: Function, elems: Any, initializer: Any = None) -> Any:
    """What fn(result, x) gives, row by row, from the first on."""
    elems = ops.convert_to_tensor(elems)
    start = elems[0] if initializer is None else initializer
    rest = elems[1:] if initializer is None else elems
    return ops.scan(lambda done, x: (fn(done, x), None), start, rest)[0]


def foldr(fn: Function, elems: Any, initializer: Any = None) -> Any:
    """What fn(result, x) gives, row by row, from the last on."""
    return foldl(fn, ops.flip(elems, axis=0), initializer)


def binary_focal_crossentropy(
    target: ArrayLike,
    output: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Array:
    """The loss of that name, number by number."""
    each = (ops.expand_dims(v, -1) for v in (target, output))
    return losses.binary_focal_crossentropy(
        *each,
        apply_class_balancing=apply_class_balancing,
        alpha=alpha,
        gamma=gamma,
        from_logits=from_logits,
    )


# Made ---------------------------------------------------------------------------------


def constant(
    value: ArrayLike,
    dtype: DTypeLike | None = None,
    shape: Shape | None = None,
    name: str | None = None,
) -> Array:
    """An array of numbers, in a shape."""
    del name
    array = jnp.asarray(value, dtype or floatx())
    return array if shape is None else jnp.broadcast_to(array, shape)


def variable(
    value: ArrayLike,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    constraint: Any = None,
) -> Variable:
    """A `Variable`."""
    made = Variable(value, dtype=dtype or floatx(), name=name)
    made.constraint = constraint
    return made


def _made(name: str) -> Function:
    def old(
        shape: Sequence[int], dtype: DTypeLike | None = None, name: str | None = None
    ) -> Array:
        del name
        return function(shape, dtype)

    function = getattr(ops, name)
    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"As `onefit.ops.{name}`."
    return old


zeros, ones, eye = _made("zeros"), _made("ones"), _made("eye")
random_normal, truncated_normal = random.normal, random.truncated_normal
random_uniform = random.uniform


def random_bernoulli(
    shape: Shape,
    p: float = 0.0,
    dtype: DTypeLike | None = None,
    seed: random.Seed = None,
) -> Array:
    """Ones with a probability, and zeros."""
    return (random.uniform(shape, seed=seed) < p).astype(dtype or floatx())


def dropout(
    x: ArrayLike, level: float, noise_shape: Any = None, seed: int | None = None
) -> Array:
    """As `onefit.random.dropout`."""
    return random.dropout(x, level, noise_shape, seed)


def random_normal_variable(
    shape: Shape,
    mean: float,
    scale: float,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    seed: random.Seed = None,
) -> Variable:
    """A `Variable` of normal numbers."""
    return variable(random.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Shape,
    low: float,
    high: float,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    seed: random.Seed = None,
) -> Variable:
    """A `Variable` of numbers from low to high."""
    return variable(random.uniform(shape, low, high, dtype, seed), dtype, name)


# Values of variables ------------------------------------------------------------------


def get_value(x: ArrayLike) -> np.ndarray:
    """A numpy array."""
    return ops.convert_to_numpy(x)


eval = get_value


def batch_get_value(tensors: Sequence[Any]) -> list[np.ndarray]:
    """Numpy arrays."""
    return [get_value(x) for x in tensors]


def set_value(x: Variable, value: ArrayLike) -> None:
    """Replaces the numbers of a variable."""
    x.assign(value)


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Replaces the numbers of variables, given as (variable, value)."""
    for x, value in tuples:
        x.assign(value)


def update(x: Variable, new_x: ArrayLike) -> Variable:
    """Replaces the numbers of a variable."""
    return x.assign(new_x)


def update_add(x: Variable, increment: ArrayLike) -> Variable:
    """Adds to a variable."""
    return x.assign_add(increment)


def update_sub(x: Variable, decrement: ArrayLike) -> Variable:
    """Subtracts from a variable."""
    return x.assign_sub(decrement)


def moving_average_update(x: Variable, value: ArrayLike, momentum: float) -> Variable:
    """The moving average x · momentum + value · (1 - momentum)."""
    new = ops.convert_to_tensor(value) * (1 - momentum)
    return x.assign(x.value * momentum + new)


def count_params(x: ArrayLike) -> int:
    """How many numbers there are."""
    return math.prod(int(n or 0) for n in ops.shape(x))


def int_shape(x: ArrayLike) -> Shape:
    """The sizes of the axes; None for an open one."""
    return ops.shape(x)


def is_sparse(tensor: object) -> bool:
    """False: arrays are dense."""
    return not isinstance(tensor, jax.Array | np.ndarray) and hasattr(tensor, "toarray")


def to_dense(tensor: ArrayLike) -> Any:
    """An array that is dense."""
    return tensor.toarray() if is_sparse(tensor) else tensor


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Names what is made and computed inside: the paths of variables, profiles."""
    token = SCOPES.set((*SCOPES.get(), name))
    try:
        with jax.named_scope(name):
            yield
    finally:
        SCOPES.reset(token)


def device(device_name: object) -> contextlib.AbstractContextManager[object]:
    """A block whose arrays are made, and whose operations run, on this device.

    Args:
        device_name: "cpu:0", "gpu", or a device of `jax.devices()`.

    Raises:
        ValueError: A device that this machine has not.

    >>> with device("cpu:0"):
    ...     x = ops.ones((2,))
    >>> [one.platform for one in x.devices()]
    ['cpu']
    """
    if isinstance(device_name, jax.Device):
        return jax.default_device(device_name)
    kind, _, number = str(device_name).lower().removeprefix("/").partition(":")
    found: list[Any] = []  # devices of jax
    with contextlib.suppress(RuntimeError):  # jax knows no devices of this kind
        found = jax.devices(kind)
    place = int(number) if number.isdigit() else 0
    if not kind or place >= len(found) or number not in ("", str(place)):
        known = [f"{one.platform}:{one.id}" for one in jax.devices()]
        raise invalid("device", repr(device_name), f"one of {', '.join(known)}")
    return jax.default_device(found[place])


# Refused ------------------------------------------------------------------------------

_REFUSED = {
    "gradients": "write `with onefit.GradientTape() as tape:`, then tape.gradient(...)",
    "learning_phase": "write layer(x, training=True), or `training` in call",
    "set_learning_phase": "write layer(x, training=True), or model.trainable = False",
    "function": "write jax.jit(f), or model.predict",
    "placeholder": "write onefit.Input(shape)",
    "get_session": "leave it out: there are no sessions",
    "set_session": "leave it out: there are no sessions",
    "rnn": "write the layer RNN(cell), or ops.scan(f, init, xs)",
    "ctc_batch_cost": "write onefit.ops.ctc_loss(...)",
    "ctc_decode": "write onefit.ops.ctc_decode(...)",
    "ctc_label_dense_to_sparse": "leave it out: arrays are dense",
    "conv2d_transpose": "write onefit.ops.conv_transpose(...)",
    "resize_volumes": "write the layer UpSampling3D",
    "categorical_focal_crossentropy": "write the loss of that name, onefit.losses",
}


def __getattr__(name: str) -> NoReturn:
    if name in _REFUSED:
        raise AttributeError(
            f"onefit.backend.{name}: received a name of Keras 2; expected those of "
            f"Keras 3. {_REFUSED[name][0].upper()}{_REFUSED[name][1:]}."
        )
    raise AttributeError(f"module 'onefit.backend' has no attribute {name!r}")


__all__ = sorted(
    {
        *_own(globals()),
        *_SAME.split(),
        *("backend", "epsilon", "floatx", "image_data_format", "set_epsilon"),
        *("set_floatx", "set_image_data_format", "random_normal", "random_uniform"),
        *("truncated_normal",),
    }
)
