# ruff: noqa: D102
"""Dense layers whose product is written as an equation."""

import re
from typing import Any, NamedTuple

import jax.numpy as jnp

from onefit import activations, initializers
from onefit.description import Description, setting
from onefit.errors import invalid, is_whole, mistyped
from onefit.layers.base import Layer
from onefit.layers.dense import project
from onefit.layers.low_rank import LowRank
from onefit.layers.settings import KernelAndBias, activation, regularizer
from onefit.types import Array, Generator, Params, Shape, State

__all__ = ["EinsumDense"]


def output_sizes(value: int | list[int | None] | Shape | None) -> Shape | None:
    """A layer's setting `output_shape` as a tuple; for `setting(convert=...)`.

    Raises:
        TypeError: What holds anything but positive whole numbers and None.
    """
    if value is None:
        return None
    sizes = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not all(size is None or is_whole(size, 1) for size in sizes):
        raise mistyped(
            "output_shape",
            repr(value),
            "positive whole numbers, None where the input tells",
            "write output_shape=(None, 64)",
        )
    return tuple(None if size is None else int(size) for size in sizes)


_FORM = re.compile(
    r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?"
)


def _fault(equation: object) -> str | None:
    """What is wrong with an equation of an input, a kernel and an output."""
    found = _FORM.fullmatch(equation) if isinstance(equation, str) else None
    if found is None:
        return "which has another form"
    before, x, after, kernel, out_before, out, out_after = found.groups()
    if twice := [term for term in (x, kernel, out) if len(set(term)) < len(term)]:
        return f"with a letter twice in {twice[0]!r}"
    if alone := sorted({*out} - {*x, *kernel}) or sorted({*kernel} - {*x, *out}):
        return f"where {alone[0]!r} is in one term only"
    if (before, after) != (out_before, out_after) or (before and after):
        return "with '...' at different places"
    if not before and x[0] != out[0]:
        return f"which moves the batch, {x[0]!r}"
    return None


def _equation(place: str, name: str, value: object) -> None:
    if fault := _fault(value):
        raise invalid(
            place,
            f"{name}={value!r}, {fault}",
            "input,kernel->output, such as 'ab,bc->ac', '...x,xy->...y' or "
            "'ab...,bc->ac...'",
            "name each axis by one letter, the batch first",
        )


class _Equation(Description):
    equation: str = setting(check=_equation)
    partial_output_shape: Any = setting(convert=output_sizes, alias="output_shape")
    activation: Any = activation()
    bias_axes: str | None = None


class _Sizes(NamedTuple):
    """What the equation makes of an input's shape."""

    kernel: Shape
    bias: Shape
    output: Shape


class EinsumDense(KernelAndBias, _Equation, LowRank):
    """A Dense layer by an equation: a = g(einsum(equation, x, W) + b).

    The letters name axes. Those that x and W share and the output has not are summed
    over: 'abc,cd->abd' is Σ_c x[a, b, c] · W[c, d].

    Args:
        equation: 'x,W->output'. Axes that no letter names are '...', before or after.
        output_shape: The sizes of the output's axes, but for the batch and those under
            '...'; None where the input tells.
        activation: g, a name or a function; None is linear, g(z) = z.
        bias_axes: The letters of the output along which b lies; None is no b.
        kernel_initializer: How W starts. Variance scaling takes the axes that W shares
            with the output as units, the others as inputs.
        bias_initializer: How b starts.
        kernel_regularizer, bias_regularizer: Penalties on W and b, added to the loss.
        kernel_constraint, bias_constraint: What W and b are put through after a step.
        activity_regularizer: Penalty on a.

    Input and output: as the equation says, the batch first.

    Weights: kernel, with the axes of W; bias, with those of the output from the first
    of bias_axes on, of size 1 where b does not lie.

    Raises:
        ValueError: An equation of another form, an input that does not fit it, or a
            size that nothing tells.

    Differs from Keras: equations that would give another result than they say (a letter
    twice, a batch that moves) are refused, and sizes given as None are found.

    Example:
        >>> layer = EinsumDense("abc,cd->abd", (None, 2), bias_axes="d",
        ...                     kernel_initializer="ones")
        >>> layer(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
        Array([[[3., 3.],
                [7., 7.]]], dtype=float32)

    Source: Keras, `keras.layers.EinsumDense`; lecture 001, "Vectorization".
    """

    role = "other"
    equation: str = setting(check=_equation)

    activity_regularizer: Any = regularizer(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        out = self._terms()[2]
        if self.bias_axes is not None and not {*self.bias_axes} <= {*out}:
            raise invalid(
                type(self).__name__,
                f"bias_axes={self.bias_axes!r}",
                f"letters of the output, {out!r}",
                f"write bias_axes={out[-1]!r} for one b a unit",
            )

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        sizes, initializer = self._sizes(input_shape), self.kernel_initializer
        if isinstance(initializer, initializers.VarianceScaling) and (
            initializer.input_axes is None
        ):
            _, kernel, out = self._terms()
            units = tuple(i for i, name in enumerate(kernel) if name in out)
            inputs = tuple(i for i in range(len(kernel)) if i not in units)
            initializer = initializer.replace(input_axes=inputs, output_axes=units)
        params = {"kernel": initializer.draw(rng, sizes.kernel)}
        if self.bias_axes is not None:
            params["bias"] = self.bias_initializer.draw(rng, sizes.bias)
        return params, {}

    def compute(self, params: Params, x: Array) -> Array:
        kernel, summed = params["kernel"], self._summed()
        if summed:
            z = project(x, kernel, summed)
        else:
            z = jnp.einsum(self.equation, x, kernel)
        if self.bias_axes is not None:
            z = z + params["bias"]
        return self.activation(z)

    def before(self, link: str) -> Layer | None:
        linked = self.activation is activations.get(link)
        return self.replace(activation=activations.linear) if linked else None

    def output_shape(self, input_shape: Shape) -> Shape:
        sizes = self._sizes(input_shape)
        known = self.slot.params["kernel"].shape if self.built else sizes.kernel
        if sizes.kernel != tuple(known):
            raise self.misfit(
                f"input of shape {input_shape}, for a kernel of shape {sizes.kernel}",
                f"one for its kernel of shape {tuple(known)}",
                "give x the sizes that it was built for, or make a new layer",
            )
        return sizes.output

    def _terms(self) -> tuple[str, str, str]:
        """The letters of the input, the kernel and the output."""
        x, kernel, out = re.split(",|->", self.equation.replace("...", ""))
        return x, kernel, out

    def _summed(self) -> int:
        """How many axes a plain product sums over: x's last, the kernel's first.

        0 where the equation is no plain product.
        """
        x, kernel, out = self._terms()
        count = sum(name not in out for name in x)
        plain = x[-count:] == kernel[:count] and out == x[:-count] + kernel[count:]
        return count if count and plain and not self.equation.endswith("...") else 0

    def _sizes(self, input_shape: Shape) -> _Sizes:
        """The shapes of kernel, bias and output for an input of this shape."""
        x, kernel, out = self._terms()
        first, last = self.equation.startswith("..."), self.equation.endswith("...")
        more = len(input_shape) - len(x)
        if more < 0 or (more and not first and not last):
            expected = f"{len(x)} axes{' or more' * (first or last)}, for {x!r}"
            raise self._misfit(input_shape, expected)
        lead = input_shape[: more if first else 0]
        tail = input_shape[len(lead) + len(x) :]
        sizes = dict(zip(x, input_shape[len(lead) :], strict=False))
        letters = out if lead else out[1:]  # the first of the output is the batch
        if len(self.partial_output_shape) != len(letters):
            raise self._misfit(input_shape, f"a size for each of {letters!r}")
        for name, size in zip(letters, self.partial_output_shape, strict=True):
            known = sizes.get(name)
            if None not in (size, known) and size != known:
                raise self._misfit(input_shape, f"one size for {name!r}")
            sizes[name] = size if known is None else known
        along = self.bias_axes or ""
        for name in (*kernel, *along):
            if sizes[name] is None:
                raise self._misfit(input_shape, f"a known size for {name!r}")
        laid = out[min((out.index(name) for name in along), default=0) :]
        return _Sizes(
            tuple(sizes[name] for name in kernel),
            tuple(sizes[c] if c in along else 1 for c in laid) + (1,) * len(tail),
            (*lead, *(sizes[name] for name in out), *tail),
        )

    def _misfit(self, input_shape: Shape, expected: str) -> ValueError:
        return self.misfit(
            f"input of shape {input_shape} and output_shape="
            f"{self.partial_output_shape} for {self.equation!r}",
            expected,
            "write in output_shape the sizes after the batch, None where the input "
            "tells",
        )
