"""Settings that many layers have: each group of them is declared here, once.

A layer takes a group as a base, `class Dense(Affine, Units, Layer)`; settings of the
bases named last come first when given by place.
"""

from typing import Any

from onefit import activations, constraints, initializers, regularizers
from onefit.checks import Check, whole
from onefit.description import Description, setting
from onefit.errors import invalid, is_whole, mistyped

__all__ = [
    "Activated",
    "Affine",
    "Gain",
    "KernelAndBias",
    "Units",
    "activation",
    "constraint",
    "initial",
    "only",
    "regularizer",
    "seed",
]


def activation(name: str | None = None) -> Any:
    """The setting of an activation, this unless said otherwise."""
    return setting(default=name, convert=activations.get)


def initial(name: str) -> Any:
    """The setting of how a weight starts, this unless said otherwise.

    None is Glorot's uniform, as in Keras.
    """

    def convert(identifier: Any) -> Any:
        return initializers.get("glorot_uniform" if identifier is None else identifier)

    return setting(default=name, convert=convert)


def regularizer(*, kw_only: bool = False) -> Any:
    """The setting of a penalty, none unless said otherwise."""
    return setting(default=None, convert=regularizers.get, kw_only=kw_only)


def constraint() -> Any:
    """The setting of a constraint, none unless said otherwise."""
    return setting(default=None, convert=constraints.get)


def seed(*, kw_only: bool = False) -> Any:
    """The setting of a seed, none unless said otherwise."""
    return setting(default=None, convert=_seed, kw_only=kw_only)


def only(*values: Any, fix: str) -> Check:
    """Refuses all but these values, for what Keras can do and there is no need of."""
    expected = " or ".join(map(repr, values))

    def check(where: str, name: str, value: object) -> None:
        if value not in values:
            raise invalid(where, f"{name}={value!r}", expected, fix)

    return check


class Units(Description):
    """How many units there are, the size of the output's last axis."""

    units: int = setting(check=whole(1, fix="write units=1 for one"))


class Activated(Description):
    """g and whether there is b, for z = x·W + b and a = g(z)."""

    activation: Any = activation()
    use_bias: bool = True

    def before(self, link: str) -> Any:  # such a layer, or None
        """The layer without its activation, if that is the one named."""
        linked = self.activation is activations.get(link)
        return self.replace(activation=activations.linear) if linked else None


class KernelAndBias(Description):
    """How W and b start, their penalties and constraints, and the penalty on a."""

    kernel_initializer: Any = initial("glorot_uniform")
    bias_initializer: Any = initial("zeros")
    kernel_regularizer: Any = regularizer()
    bias_regularizer: Any = regularizer()
    activity_regularizer: Any = regularizer()
    kernel_constraint: Any = constraint()
    bias_constraint: Any = constraint()


class Affine(KernelAndBias, Activated):
    """What z = x·W + b and a = g(z) need."""


class Gain(Description):
    """Whether there are γ and β, how they start, their penalties and constraints."""

    center: bool = True
    scale: bool = True
    beta_initializer: Any = initial("zeros")
    gamma_initializer: Any = initial("ones")
    beta_regularizer: Any = regularizer()
    gamma_regularizer: Any = regularizer()
    beta_constraint: Any = constraint()
    gamma_constraint: Any = constraint()


def _seed(seed: int | None) -> int | None:
    if seed is None or (is_whole(seed) and seed < 2**31):
        return None if seed is None else int(seed)
    error = invalid if is_whole(seed, None) else mistyped
    raise error("seed", repr(seed), "None or a whole number from 0 to 2³¹ − 1")
