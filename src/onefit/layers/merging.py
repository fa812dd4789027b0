# ruff: noqa: D102
"""Layers that make one array of several: sums, products, joins, dot products."""

import functools
import inspect
from collections.abc import Iterable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from onefit.checks import whole
from onefit.description import setting
from onefit.errors import invalid, is_whole, mistyped
from onefit.layers.base import Layer, Role
from onefit.layers.shapes import from_front, having
from onefit.types import Array, Function, Mask, Params, Shape, Shapes, Tree, is_shape

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def _several(
    layer: Layer, shapes: Shapes, most: int | None = None, batch: bool = True
) -> tuple[Shape, ...]:
    """The shapes of two or more inputs of one batch; refuses anything else."""
    count = 1 if is_shape(shapes) else len(shapes)
    if count < 2 or (most is not None and count > most):
        raise layer.misfit(
            "one input" if count == 1 else f"{count} inputs",
            "two" if most == 2 else "two or more, in a list",
            f"write {type(layer).__name__}(...)([a, b]) for arrays a and b",
        )
    if () in shapes or (batch and _differing([shape[0] for shape in shapes])):
        raise layer.misfit(
            f"inputs of shapes {_listed(shapes)}",
            "the same examples in each, along axis 0",
            "give all inputs the same number of rows",
        )
    return tuple(shapes)


def _differing(sizes: Iterable[int | None], *but: int) -> tuple[int, int] | None:
    """The indices of the first two known sizes that differ, other than these."""
    known = [(i, n) for i, n in enumerate(sizes) if n is not None and n not in but]
    return next(((known[0][0], i) for i, n in known if n != known[0][1]), None)


def _misfit(
    layer: Layer, shapes: Shapes, pair: tuple[int, int], expected: str
) -> ValueError:
    """The error for two inputs that do not fit each other."""
    one, other = pair
    return layer.misfit(
        f"input {other} of shape {shapes[other]} beside input {one} of shape "
        f"{shapes[one]}",
        expected,
        "bring both to one size with Dense, Reshape or Flatten, or with "
        "padding='same' where windows have made them different",
    )


def _listed(shapes: Shapes) -> str:
    return " and ".join(str(tuple(shape)) for shape in shapes)


def _widened(a: Array, axes: int) -> Array:
    """An array with this many axes of size one after its batch."""
    return a.reshape(a.shape[0], *[1] * axes, *a.shape[1:])


# Number by number ---------------------------------------------------------------------


class _Merge(Layer, abstract=True):
    """What is merged number by number: shapes that broadcast, masks that add up."""

    supports_masking = True
    most: ClassVar[int | None] = None
    """How many inputs there may be."""

    def merged(self, xs: list[Array], masks: list[Mask]) -> Array:
        """The inputs as one; a mask is None, or broadcasts to its input."""
        raise NotImplementedError(f"{type(self).__name__} has no merged method")

    def compute(self, params: Params, x: Tree, *, mask: Array | None = None) -> Array:
        ndim = max(a.ndim for a in x)
        masks = [
            None if m is None else m.reshape(m.shape + (1,) * (ndim - m.ndim))
            for m in self._masks(x, mask)
        ]
        return self.merged([_widened(a, ndim - a.ndim) for a in x], masks)

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        masks = self._masks(inputs, mask)
        if any(m is None for m in masks):
            return None
        return functools.reduce(jnp.logical_or, masks)

    def _masks(self, x: Tree, mask: Mask) -> list[Mask]:
        """Each input's mask, with axes of size one where the input gets them."""
        ndim = max(a.ndim for a in x)
        pairs = zip(x, mask or (None,) * len(x), strict=True)
        return [None if m is None else _widened(m, ndim - a.ndim) for a, m in pairs]

    def output_shape(self, input_shape: Shapes) -> Shape:
        shapes = _several(self, input_shape, self.most)
        ndim = max(map(len, shapes))
        wide = [(s[0], *(1,) * (ndim - len(s)), *s[1:]) for s in shapes]
        sizes: list[int | None] = []
        for axis, along in enumerate(zip(*wide, strict=True)):
            if pair := _differing(along, *([1] if axis else [])):
                expected = (
                    f"{along[pair[0]]} or 1 along axis {axis}, not {along[pair[1]]}"
                )
                raise _misfit(self, shapes, pair, expected)
            known = [size for size in along if size is not None]
            whole = known and (axis == 0 or None not in along)
            sizes.append(max(known) if whole else None)
        return tuple(sizes)


class Add(_Merge):
    """Adds the inputs: a = x_1 + x_2 + ... .

    Input: two arrays or more, (batch, ...), of shapes that broadcast: sizes of one are
    stretched, and missing axes come after the batch. Output: their broadcast shape.

    Mask: a step of the output is there where any input has it; all steps are where one
    input has no mask.

    Raises:
        ValueError: Less than two inputs, or shapes that do not fit (which axis).

    Differs from Keras: a list of one input is refused.

    Example:
        >>> Add()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
        Array([[11., 22.]], dtype=float32)

    Source: He et al. 2016, arXiv:1512.03385 (shortcuts); Keras, `keras.layers.Add`.
    """

    role = "sum"

    def merged(self, xs: list[Array], masks: list[Mask]) -> Array:
        return functools.reduce(jnp.add, xs)


class Subtract(_Merge):
    """Subtracts the second input from the first: a = x_1 − x_2.

    Input: two arrays, (batch, ...), of shapes that broadcast. Output: their broadcast
    shape. Mask: as in `Add`.

    Raises:
        ValueError: Not two inputs, or shapes that do not fit (which axis).

    Example:
        >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
        Array([[ -9., -18.]], dtype=float32)

    Source: Keras, `keras.layers.Subtract`.
    """

    role = "sum"

    most = 2

    def merged(self, xs: list[Array], masks: list[Mask]) -> Array:
        return jnp.subtract(*xs)


class Average(_Merge):
    """Averages the n inputs: a = (x_1 + ... + x_n) / n.

    Input: two arrays or more, (batch, ...), of shapes that broadcast. Output: their
    broadcast shape. Mask: as in `Add`; what is masked counts in the average.

    Raises:
        ValueError: Less than two inputs, or shapes that do not fit (which axis).

    Differs from Keras: a list of one input is refused.

    Example:
        >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
        Array([[2., 4.]], dtype=float32)

    Source: Keras, `keras.layers.Average`.
    """

    role = "sum"

    def merged(self, xs: list[Array], masks: list[Mask]) -> Array:
        return functools.reduce(jnp.add, xs) / len(xs)


class Multiply(_Merge):
    """Multiplies the inputs, number by number: a = x_1 · x_2 · ... .

    Input: two arrays or more, (batch, ...), of shapes that broadcast. Output: their
    broadcast shape.

    Mask: as in `Add`. What is masked in one input counts as 1; what no input has is 0.

    Raises:
        ValueError: Less than two inputs, or shapes that do not fit (which axis).

    Differs from Keras: a list of one input is refused; masks also count where the
    inputs have different numbers of axes.

    Example:
        >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
        Array([[10., 40.]], dtype=float32)

    Source: Keras, `keras.layers.Multiply`.
    """

    role = "product"

    def merged(self, xs: list[Array], masks: list[Mask]) -> Array:
        pairs = zip(xs, masks, strict=True)
        y = functools.reduce(
            jnp.multiply, (x if m is None else jnp.where(m, x, 1.0) for x, m in pairs)
        )
        if any(m is None for m in masks):
            return y
        return jnp.where(functools.reduce(jnp.logical_or, masks), y, 0.0)


class _Extreme(_Merge, abstract=True):
    """What `Maximum` and `Minimum` share: no number stands for what is masked."""

    role: ClassVar[Role] = "other"

    def choose(self, x: Array, y: Array) -> Array:
        """The one of two numbers that is kept."""
        raise NotImplementedError(f"{type(self).__name__} has no choose method")

    def merged(self, xs: list[Array], masks: list[Mask]) -> Array:
        y, there = xs[0], masks[0]
        for x, m in zip(xs[1:], masks[1:], strict=True):
            # Where one of the two is masked, the other stands for it.
            x = x if m is None else jnp.where(m, x, y)
            y = y if there is None else jnp.where(there, y, x)
            there = None if m is None or there is None else there | m
            y = self.choose(y, x)
        return y


class Maximum(_Extreme):
    """Takes the largest of the inputs, number by number: a = max(x_1, x_2, ...).

    Input: two arrays or more, (batch, ...), of shapes that broadcast. Output: their
    broadcast shape. Mask: as in `Add`; what is masked in one input does not count.

    Raises:
        ValueError: Less than two inputs, or shapes that do not fit (which axis).

    Differs from Keras: as in `Multiply`.

    Example:
        >>> Maximum()([np.array([[1.0, 20.0]]), np.array([[10.0, 2.0]])])
        Array([[10., 20.]], dtype=float32)

    Source: Goodfellow et al. 2013, "Maxout networks"; Keras, `keras.layers.Maximum`.
    """

    def choose(self, x: Array, y: Array) -> Array:
        return jnp.maximum(x, y)


class Minimum(_Extreme):
    """Takes the smallest of the inputs, number by number: a = min(x_1, x_2, ...).

    Input: two arrays or more, (batch, ...), of shapes that broadcast. Output: their
    broadcast shape. Mask: as in `Add`; what is masked in one input does not count.

    Raises:
        ValueError: Less than two inputs, or shapes that do not fit (which axis).

    Differs from Keras: as in `Multiply`.

    Example:
        >>> Minimum()([np.array([[1.0, 20.0]]), np.array([[10.0, 2.0]])])
        Array([[1., 2.]], dtype=float32)

    Source: Keras, `keras.layers.Minimum`.
    """

    def choose(self, x: Array, y: Array) -> Array:
        return jnp.minimum(x, y)


# Side by side -------------------------------------------------------------------------


class Concatenate(Layer):
    """Joins the inputs along one axis: a = [x_1, x_2, ...].

    Args:
        axis: The axis; -1 puts features beside one another, 1 puts times after one
            another.

    Input: two arrays or more, of one shape but for `axis`. Output: the same, with the
    sum of the sizes along `axis`.

    Mask: joined along `axis`, if it is one of the masks' own; otherwise a step is there
    where any input has it. An input without a mask has all its steps.

    Raises:
        ValueError: Less than two inputs, an axis that they do not have, or shapes that
            differ along another axis (which).

    Differs from Keras: a list of one input is refused; inputs of four axes and more get
    the mask of their steps, (batch, time), not one of another shape.

    Example:
        >>> Concatenate()([np.array([[1.0, 2.0]]), np.array([[3.0]])])
        Array([[1., 2., 3.]], dtype=float32)

    Source: Szegedy et al. 2015, arXiv:1409.4842; Keras, `keras.layers.Concatenate`.
    """

    role = "sum"

    supports_masking = True

    axis: int = setting(default=-1, check=whole(fix="write axis=-1 for the last axis"))

    def compute(self, params: Params, x: Tree) -> Array:
        return jnp.concatenate(x, self.axis)

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        ranks = {m.ndim for m in mask or () if m is not None}
        if not ranks:
            return None
        rank = max(ranks)
        masks = [
            jnp.ones(a.shape[:rank], bool)
            if m is None
            else jnp.broadcast_to(
                m.reshape(m.shape + (1,) * (rank - m.ndim)), a.shape[:rank]
            )
            for a, m in zip(inputs, mask, strict=True)
        ]
        axis = self.axis % inputs[0].ndim
        if axis < rank:
            return jnp.concatenate(masks, axis)
        return functools.reduce(jnp.logical_or, masks)

    def output_shape(self, input_shape: Shapes) -> Shape:
        shapes = _several(self, input_shape, batch=self.axis != 0)
        ndim = len(shapes[0])
        (axis,) = from_front(self.axis, len(having(self, self.axis, shapes[0])))
        if pair := _differing(map(len, shapes)):
            raise _misfit(self, shapes, pair, f"{ndim} axes in each")
        sizes: list[int | None] = []
        for a, along in enumerate(zip(*shapes, strict=True)):
            known = [size for size in along if size is not None]
            if a == axis:
                sizes.append(sum(known) if len(known) == len(along) else None)
            elif pair := _differing(along):
                expected = f"{known[0]} along axis {a}: only axis {axis} may differ"
                raise _misfit(self, shapes, pair, expected)
            else:
                sizes.append(known[0] if known else None)
        return tuple(sizes)


def _two_axes(place: str, name: str, value: object) -> None:
    """Refuses all but an axis, or one for each of two inputs, other than the batch."""
    axes = value if isinstance(value, tuple) else (value,)
    if len(axes) > 2 or not all(is_whole(a, -(2**31)) for a in axes) or not axes:
        raise mistyped(
            place,
            f"{name}={value!r}",
            "a whole number, or one for each of the two inputs",
            f"write {place}(axes=(1, 2))",
        )
    if 0 in axes:
        raise invalid(
            place,
            f"{name}={value!r}",
            "axes from 1 on: axis 0 is the batch, which stays",
            f"write {place}(axes=1) for vectors",
        )


class Dot(Layer):
    """Takes the dot product of each example's two inputs along one axis of each.

    a_{i...j...} = Σ_k x_{i...k...} · y_{i...k...}, with the axes that are left of x,
    then those of y. For vectors it is one number an example, (batch, 1).

    Args:
        axes: The axis that is summed over, or two: x's and y's.
        normalize: Whether to bring both to length one along it, which gives the cosine
            of their angle.

    Input: two arrays, (batch, ...). Output: (batch, x's other axes, y's other axes).

    Raises:
        TypeError: axes that are no whole numbers.
        ValueError: Not two inputs, an axis that is the batch or that they do not have,
            or sizes along the axes that differ.

    Differs from Keras: with normalize, the gradient at x = 0 is finite, not NaN.

    Example:
        >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
        Array([[11.]], dtype=float32)

    Source: Keras, `keras.layers.Dot`.
    """

    role = "product"
    supports_masking = True

    axes: Any = setting(check=_two_axes)
    normalize: bool = False

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return None

    def compute(self, params: Params, x: Tree) -> Array:
        left, right = self._both(tuple(a.ndim for a in x))
        x, y = x
        if self.normalize:
            x, y = _unit(x, left), _unit(y, right)
        if x.ndim == y.ndim == 2:
            return jnp.sum(x * y, 1, keepdims=True)
        return jax.lax.dot_general(x, y, (((left,), (right,)), ((0,), (0,))))

    def _both(self, ndims: tuple[int, ...]) -> tuple[int, ...]:
        """The axis of each input, counted from the front."""
        axes = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        return tuple(a + n if a < 0 else a for a, n in zip(axes, ndims, strict=True))

    def output_shape(self, input_shape: Shapes) -> Shape:
        one, two = _several(self, input_shape, 2)
        axes = self._both((len(one), len(two)))
        if not all(0 < a < len(s) for a, s in zip(axes, (one, two), strict=True)):
            raise self.misfit(
                f"axes={self.axes} and inputs of shapes {_listed((one, two))}",
                "an axis of each, other than the batch",
                "write axes=-1 for the last of each",
            )
        a, b = one[axes[0]], two[axes[1]]
        if a != b and None not in (a, b):
            raise self.misfit(
                f"{a} along axis {axes[0]} of {one} and {b} along axis "
                f"{axes[1]} of {two}",
                "the same size along both",
                "choose other axes, or bring both to one width with Dense",
            )
        left = [size for i, size in enumerate(one) if i != axes[0]]
        left[0] = two[0] if left[0] is None else left[0]
        right = [size for i, size in enumerate(two) if i not in (0, axes[1])]
        return (*left, *right) if len(left) + len(right) > 1 else (left[0], 1)


def _unit(x: Array, axis: int) -> Array:
    """An array with length one along an axis, where it is longer than 10⁻⁷."""
    square = jnp.sum(jnp.square(x), axis, keepdims=True)
    # The bound is inside the root, where the gradient is taken.
    return x * jax.lax.rsqrt(jnp.maximum(square, 1e-14))


# The same as functions ----------------------------------------------------------------


def _function(cls: type[Layer], first: str = "") -> Function:
    """A merging layer as a function of what it merges, with the layer's settings."""

    def merge(inputs: Tree, *args: Any, **settings: Any) -> Tree:
        if len(args) > bool(first):
            raise mistyped(
                name, f"{1 + len(args)} values by place", "the inputs, then names"
            )
        return cls(*args, **settings)(inputs)

    name = cls.__name__.lower()
    merge.__name__ = merge.__qualname__ = name
    merge.__doc__ = f"The layer `{cls.__name__}({first})`, called on a list of inputs."
    merge.__module__ = __name__
    inputs = inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    settings_ = inspect.signature(cls).parameters.values()
    merge.__signature__ = inspect.Signature(
        [
            inputs,
            *(p for p in settings_ if p.name == first),
            *(
                p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
                for p in settings_
                if p.name != first
            ),
        ]
    )
    return merge


add, subtract, multiply = _function(Add), _function(Subtract), _function(Multiply)
average, maximum = _function(Average), _function(Maximum)
minimum = _function(Minimum)
concatenate, dot = _function(Concatenate, "axis"), _function(Dot, "axes")
