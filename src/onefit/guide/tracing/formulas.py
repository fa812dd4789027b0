"""The formulas of activations and losses and their derivatives, with numbers put in.

What has none here is shown by its numbers alone.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from onefit import losses as onefit_losses
from onefit.description import off
from onefit.guide.tracing.notation import Fraction, Part, Parts, Power, number, signed
from onefit.losses.base import Loss
from onefit.registry import nearest_formula
from onefit.types import Function, Scalar

__all__ = ["activation", "formula_of", "losses", "slope"]


def _e(exponent: str | Parts) -> Power:
    return Power(("e",), (exponent,) if isinstance(exponent, str) else exponent)


def _minus(value: Scalar) -> str:
    return number(-float(value))


def activation(
    name: str | None, z: Part, value: Scalar, row: np.ndarray, a: Scalar
) -> list[Parts]:
    """The steps of a = g(z), in symbols, then with the number put in.

    Args:
        name: g.
        z: Its symbol.
        value: Its number.
        row: All z of the layer, for a softmax.
        a: What it comes to.
    """
    n = number(value)
    steps: dict[str, list[Any]] = {
        "sigmoid": [("σ(", z, ")"), (Fraction(("1",), ("1 + ", _e(_minus(value)))),)],
        "tanh": [("tanh(", z, ")"), (f"tanh({n})",)],
        "relu": [("max(0, ", z, ")"), (f"max(0, {n})",)],
        "ReLU": [("max(0, ", z, ")"), (f"max(0, {n})",)],
        "exponential": [(_e((z,)),), (_e(n),)],
        "softplus": [("log(1 + ", _e((z,)), ")"), ("log(1 + ", _e(n), ")")],
        "linear": [(z,)],
    }
    if name in ("softmax", "Softmax"):
        whole = float(np.exp(row - np.max(row)).sum() * np.exp(np.max(row)))
        if np.isfinite(whole) and whole:
            return [
                (Fraction((_e((z,)),), ("Σ", _e("z"))),),
                (Fraction((_e(n),), (number(whole),)),),
                (number(a),),
            ]
    if name is None:
        return [(z,), (number(a),)]
    found = steps.get(name, [(f"{name}(", z, ")"), (f"{name}({n})",)])
    return [*found, (number(a),)]


def slope(name: str | None, a: Part, z: Part, value: Scalar, at: Scalar) -> list[Parts]:
    """The steps of g'(z): in symbols, with numbers; the last is the number alone.

    Args:
        name: g.
        a, z: The symbols.
        value: a's number.
        at: z's number.
    """
    if name == "sigmoid":
        return [(a, "(1 - ", a, ")"), (f"{signed(value)}(1 - {signed(value)})",)]
    if name == "tanh":
        return [
            ("1 - ", Power((a,), ("2",))),
            ("1 - ", Power((signed(value),), ("2",))),
        ]
    if name in ("relu", "ReLU"):
        return [("1" if at > 0 else "0",)]
    if name == "exponential":
        return [(a,), (number(value),)]
    if name == "softplus":
        return [("σ(", z, ")"), (f"σ({number(at)})",)]
    return []


def formula_of(thing: object) -> str:
    """The formula of a layer, an activation or a loss: its description's first line.

    >>> formula_of(onefit.layers.Dense(2))
    'A layer of units that each see every input: a = g(x·W + b)'
    """
    if equation := getattr(thing, "equation", None):
        return equation
    own = thing if callable(thing) and hasattr(thing, "__name__") else type(thing)
    # A dataclass without a docstring is given one, its signature.
    bases = [c for c in getattr(own, "__mro__", (own,)) if not _is_signature(c)]
    lines = (bases[0].__doc__ or "").strip().splitlines() if bases else []
    first = lines[0].strip().rstrip(".") if lines else ""
    return first if first and not first.endswith("=") else type(thing).__name__


def _is_signature(own: Function) -> bool:
    return (own.__doc__ or "").startswith(f"{own.__name__}(")


Derivative: TypeAlias = Callable[[int, Part, Part], tuple[Parts, Parts, float]]
"""Of a unit j and the symbols of a_j and y_j: (symbols, numbers, value) of dL by it."""


class Formula:
    """A loss as the lectures write it, for outputs in one row of n units.

    Attributes:
        value: (symbols, numbers) of L of one example.
        dz: (symbols, numbers, value) of dL/dz_j, for a loss that takes z; or None.
        da: The same of dL/da_j.
    """

    def __init__(
        self,
        value: tuple[Parts, Parts],
        dz: Derivative | None = None,
        da: Derivative | None = None,
    ) -> None:
        self.value, self.dz, self.da = value, dz, da


def _binary(y: np.ndarray, a: np.ndarray, n: int) -> Formula:
    over = (lambda *p: (Fraction(p, (str(n),)),)) if n > 1 else (lambda *p: p)
    symbols = ("-", "y log a - (1 - y) log(1 - a)")
    if n > 1:
        symbols = (Fraction(("1",), ("n",)), " Σ (-y log a - (1 - y) log(1 - a))")
        numbers: Any = ()
    else:
        p, t = float(a[0]), float(y[0])
        numbers = (
            f"-{number(t)}·log({number(p)}) - (1 - {number(t)})·log(1 - {number(p)})",
        )
        if t == 1:
            numbers = (f"-log({number(p)})",)
        if t == 0:
            numbers = (f"-log(1 - {number(p)})",)

    def dz(j: int, sa: Part, sy: Part) -> tuple[Parts, Parts, float]:
        numbers = over(f"{number(a[j])} - {number(y[j])}")
        return over(sa, " - ", sy), numbers, (a[j] - y[j]) / n

    def da(j: int, sa: Part, sy: Part) -> tuple[Parts, Parts, float]:
        top, p = f"{number(a[j])} - {number(y[j])}", number(a[j])
        below = (*((str(n), "·") if n > 1 else ()), sa, "(1 - ", sa, ")")
        numbers = f"{n}·{p}(1 - {p})" if n > 1 else f"{p}(1 - {p})"
        return (
            (Fraction((sa, " - ", sy), below),),
            (Fraction((top,), (numbers,)),),
            (a[j] - y[j]) / (n * a[j] * (1 - a[j])),
        )

    return Formula((symbols, numbers), dz, da)


def _categorical(y: np.ndarray, a: np.ndarray, n: int) -> Formula:
    ones = np.flatnonzero(y)
    hard = len(ones) == 1 and y[ones[0]] == 1
    symbols = ("-log a_y",) if hard else ("-Σ y log a",)
    numbers: Any = (f"-log({number(float(a[ones[0]]))})",) if hard else ()

    def dz(j: int, sa: Part, sy: Part) -> tuple[Parts, Parts, float]:
        return (sa, " - ", sy), (f"{number(a[j])} - {number(y[j])}",), a[j] - y[j]

    def da(j: int, sa: Part, sy: Part) -> tuple[Parts, Parts, float]:
        return (
            ("-", Fraction((sy,), (sa,))),
            ("-", Fraction((number(y[j]),), (number(a[j]),))),
            -y[j] / a[j],
        )

    return Formula((symbols, numbers), dz, da)


def _squares(y: np.ndarray, a: np.ndarray, n: int) -> Formula:
    one = f"({number(a[0])} - {signed(y[0])})"
    symbols = (Power(("(a - y)",), ("2",)),)
    numbers: Any = (Power((one,), ("2",)),)
    if n > 1:
        symbols = (Fraction(("1",), ("n",)), " Σ ", *symbols)
        numbers = ()

    def da(j: int, sa: Part, sy: Part) -> tuple[Parts, Parts, float]:
        difference = f"2·({number(a[j])} - {signed(y[j])})"
        over = (lambda p: (Fraction(p, (str(n),)),)) if n > 1 else (lambda p: p)
        return (
            over(("2(", sa, " - ", sy, ")")),
            over((difference,)),
            2 * (a[j] - y[j]) / n,
        )

    return Formula((symbols, numbers), None, da)


FORMULAS: dict[type[Loss], Callable[[np.ndarray, np.ndarray, int], Formula]] = {
    onefit_losses.BinaryCrossentropy: _binary,
    onefit_losses.CategoricalCrossentropy: _categorical,
    onefit_losses.MeanSquaredError: _squares,
    onefit_losses.SparseCategoricalCrossentropy: _categorical,
}


def losses(
    loss: Loss, link: str | None, y: np.ndarray, a: np.ndarray
) -> Formula | None:
    """The formula of a loss for one example, where it has one here.

    Args:
        loss: The loss.
        link: The activation that it sees through.
        y, a: The example's targets and outputs, rows of n numbers.
    """
    n, kind = len(a), nearest_formula(FORMULAS, type(loss))
    plain = off(getattr(loss, "label_smoothing", 0.0)) and np.shape(y) == np.shape(a)
    if not plain:
        return None
    if kind is None or (kind is _binary and link not in (None, "sigmoid")):
        return None
    return kind(y, a, n)
