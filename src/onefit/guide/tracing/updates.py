"""The formulas of the optimizers, with the numbers of one weight put in."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from onefit import optimizers
from onefit.description import off
from onefit.guide.tracing.notation import Equation, number, signed
from onefit.optimizers.base import Optimizer
from onefit.registry import nearest_formula
from onefit.types import Scalar

__all__ = ["One", "worked"]


@dataclasses.dataclass
class One:
    """One weight on its step.

    Attributes:
        optimizer: The optimizer.
        w: The weight, after it has decayed if it does.
        g: dJ/dw, clipped if it is.
        alpha: The learning rate.
        t: The number of the step, the first being 1.
        old, new: What the optimizer remembers of it, before and after, by name.
        moved: The weight after the step.
    """

    optimizer: Any  # each formula reads the settings of its own class
    w: float
    g: float
    alpha: float
    t: int
    old: dict[str, float]
    new: dict[str, float]
    moved: float


Worked = tuple[list[Equation], float]


def _set(name: str, *steps: str) -> Equation:
    return Equation((name,), tuple((step,) for step in steps), sign=":=")


def _mean(
    name: str, rate: str, of: str, beta: float, old: Scalar, value: str, new: Scalar
) -> Equation:
    """An average that moves: m := β·m + (1 - β)·g."""
    b = number(beta)
    return Equation(
        (name,),
        (
            (f"{rate}·{name} + (1 - {rate})·{of}",),
            (f"{b}·{signed(old)} + {number(1 - beta)}·{value}",),
            (number(new),),
        ),
        sign=":=",
    )


def _last(one: One, symbols: str, numbers: str, value: float) -> Worked:
    steps = ((f"w {symbols}",), (f"{number(one.w)} {numbers}",), (number(one.moved),))
    return [Equation(("w",), steps, sign=":=")], value


def _sgd(one: One) -> Worked:
    o, a = one.optimizer, number(one.alpha)
    if off(o.momentum):
        return _last(one, "- α·g", f"- {a}·{signed(one.g)}", one.w - one.alpha * one.g)
    beta, old, v = (
        float(o.momentum),
        one.old["momentum/trace"],
        one.new["momentum/trace"],
    )
    numbers = f"{number(beta)}·{signed(old)} - {a}·{signed(one.g)}"
    line = _set("v", "β·v - α·g", numbers, number(v))
    if o.nesterov:
        numbers = f"+ {number(beta)}·{signed(v)} - {a}·{signed(one.g)}"
        value = one.w + beta * v - one.alpha * one.g
        last, value = _last(one, "+ β·v - α·g", numbers, value)
    else:
        last, value = _last(one, "+ v", f"+ {signed(v)}", one.w + v)
    return [line, *last], value


def _rmsprop(one: One) -> Worked:
    o, rho, eps = one.optimizer, float(one.optimizer.rho), float(one.optimizer.epsilon)
    s = one.new["velocity/nu"]
    square = f"{signed(one.g)}²"
    lines = [_mean("s", "ρ", "g²", rho, one.old["velocity/nu"], square, s)]
    under, shown, inside = s + eps, f"{number(s)} + {number(eps)}", "s + ε"
    if o.centered:
        m = one.new["velocity/mu"]
        lines.append(
            _mean("m", "ρ", "g", rho, one.old["velocity/mu"], signed(one.g), m)
        )
        under = s - m * m + eps
        shown, inside = f"{number(s)} - {signed(m)}² + {number(eps)}", "s - m² + ε"
    move = one.alpha * one.g / math.sqrt(under)
    symbols, numbers = (
        f"α·g/√({inside})",
        f"{number(one.alpha)}·{signed(one.g)}/√({shown})",
    )
    if off(o.momentum):
        last, value = _last(one, f"- {symbols}", f"- {numbers}", one.w - move)
        return [*lines, *last], value
    beta, old = float(o.momentum), one.old["momentum/trace"]
    v = one.new["momentum/trace"]
    lines.append(
        _set(
            "v",
            f"β·v - {symbols}",
            f"{number(beta)}·{signed(old)} - {numbers}",
            number(v),
        )
    )
    last, value = _last(one, "+ v", f"+ {signed(v)}", one.w + beta * old - move)
    return [*lines, *last], value


def _adagrad(one: One) -> Worked:
    eps = float(one.optimizer.epsilon)
    s = one.new["accumulator/sum_of_squares"]
    old = number(one.old["accumulator/sum_of_squares"])
    line = _set("s", "s + g²", f"{old} + {signed(one.g)}²", number(s))
    value = one.w - one.alpha * one.g / math.sqrt(s + eps) if s else one.w
    numbers = f"- {number(one.alpha)}·{signed(one.g)}/√({number(s)} + {number(eps)})"
    last, value = _last(one, "- α·g/√(s + ε)", numbers, value)
    return [line, *last], value


def _adadelta(one: One) -> Worked:
    rho, eps = float(one.optimizer.rho), float(one.optimizer.epsilon)
    s, u = one.new["delta/e_g"], one.old["delta/e_x"]
    d = one.g * math.sqrt(u + eps) / math.sqrt(s + eps)
    square = f"{signed(one.g)}²"
    lines = [
        _mean("s", "ρ", "g²", rho, one.old["delta/e_g"], square, s),
        Equation(
            ("d",),
            (
                ("g·√(u + ε)/√(s + ε)",),
                (
                    f"{signed(one.g)}·√({number(u)} + {number(eps)})/"
                    f"√({number(s)} + {number(eps)})",
                ),
                (number(d),),
            ),
        ),
        _mean("u", "ρ", "d²", rho, u, f"{signed(d)}²", one.new["delta/e_x"]),
    ]
    numbers = f"- {number(one.alpha)}·{signed(d)}"
    last, value = _last(one, "- α·d", numbers, one.w - one.alpha * d)
    return [*lines, *last], value


def _moments(one: One) -> list[Equation]:
    """Adam's two means."""
    b1, b2 = float(one.optimizer.beta_1), float(one.optimizer.beta_2)
    g, old, new = one.g, one.old, one.new
    return [
        _mean("m", "β₁", "g", b1, old["momentum"], signed(g), new["momentum"]),
        _mean("v", "β₂", "g²", b2, old["velocity"], f"{signed(g)}²", new["velocity"]),
    ]


def _adam(one: One) -> Worked:
    o, t = one.optimizer, one.t
    b1, b2, eps = float(o.beta_1), float(o.beta_2), float(o.epsilon)
    m, v, root = one.new["momentum"], one.new["velocity"], "v"
    lines = _moments(one)
    if o.amsgrad:
        old, v, root = one.old["velocity_hat"], one.new["velocity_hat"], "h"
        numbers = f"max({number(old)}, {number(one.new['velocity'])})"
        lines.append(_set("h", "max(h, v)", numbers, number(v)))
    rate = one.alpha * math.sqrt(1 - b2**t) / (1 - b1**t)
    lines.append(
        Equation(
            ("αₜ",),
            (
                ("α·√(1 - β₂ᵗ)/(1 - β₁ᵗ)",),
                (
                    f"{number(one.alpha)}·√(1 - {number(b2)}^{t})/"
                    f"(1 - {number(b1)}^{t})",
                ),
                (number(rate),),
            ),
            "bias correction: m and v began at 0",
        )
    )
    numbers = f"- {number(rate)}·{signed(m)}/(√{number(v)} + {number(eps)})"
    value = one.w - rate * m / (math.sqrt(v) + eps)
    last, value = _last(one, f"- αₜ·m/(√{root} + ε)", numbers, value)
    return [*lines, *last], value


def _adamax(one: One) -> Worked:
    o, t = one.optimizer, one.t
    b1, b2, eps = float(o.beta_1), float(o.beta_2), float(o.epsilon)
    m, u = one.new["momentum"], one.new["norm"]
    old = one.old["norm"]
    lines = [
        _mean("m", "β₁", "g", b1, one.old["momentum"], signed(one.g), m),
        _set(
            "u",
            "max(β₂·u, |g|)",
            f"max({number(b2)}·{number(old)}, {number(abs(one.g))})",
            number(u),
        ),
    ]
    rate = one.alpha / (1 - b1**t)
    lines.append(
        Equation(
            ("αₜ",),
            (
                ("α/(1 - β₁ᵗ)",),
                (f"{number(one.alpha)}/(1 - {number(b1)}^{t})",),
                (number(rate),),
            ),
            "bias correction: m began at 0",
        )
    )
    numbers = f"- {number(rate)}·{signed(m)}/({number(u)} + {number(eps)})"
    last, value = _last(one, "- αₜ·m/(u + ε)", numbers, one.w - rate * m / (u + eps))
    return [*lines, *last], value


def _nadam(one: One) -> Worked:
    o, t = one.optimizer, one.t
    b1, b2, eps = float(o.beta_1), float(o.beta_2), float(o.epsilon)
    m, v = one.new["momentum"], one.new["velocity"]
    now, then = (b1 * (1 - 0.5 * 0.96**s) for s in (t, t + 1))
    product = one.new["product"]
    m_hat = then * m / (1 - product * then) + (1 - now) * one.g / (1 - product)
    v_hat = v / (1 - b2**t)
    lines = [
        *_moments(one),
        Equation(
            ("m̂",),
            (
                ("μₜ₊₁·m/(1 - Πₜ₊₁) + (1 - μₜ)·g/(1 - Πₜ)",),
                (
                    f"{number(then)}·{signed(m)}/{number(1 - product * then)} + "
                    f"{number(1 - now)}·{signed(one.g)}/{number(1 - product)}",
                ),
                (number(m_hat),),
            ),
            "μₜ = β₁(1 - ½·0.96ᵗ), Π their product so far",
        ),
        Equation(
            ("v̂",),
            (
                ("v/(1 - β₂ᵗ)",),
                (f"{number(v)}/(1 - {number(b2)}^{t})",),
                (number(v_hat),),
            ),
        ),
    ]
    value = one.w - one.alpha * m_hat / (math.sqrt(v_hat) + eps)
    numbers = (
        f"- {number(one.alpha)}·{signed(m_hat)}/(√{number(v_hat)} + {number(eps)})"
    )
    last, value = _last(one, "- α·m̂/(√v̂ + ε)", numbers, value)
    return [*lines, *last], value


def _lion(one: One) -> Worked:
    b1, b2 = float(one.optimizer.beta_1), float(one.optimizer.beta_2)
    old, m = one.old["momentum/mu"], one.new["momentum/mu"]
    mixed = b1 * old + (1 - b1) * one.g
    numbers = (
        f"- {number(one.alpha)}·sign({number(b1)}·{signed(old)} + "
        f"{number(1 - b1)}·{signed(one.g)})"
    )
    sign = (mixed > 0) - (mixed < 0)
    value = one.w - one.alpha * sign
    lines, value = _last(one, "- α·sign(β₁·m + (1 - β₁)·g)", numbers, value)
    after = _mean("m", "β₂", "g", b2, old, signed(one.g), m)
    return [*lines, after], value


def _ftrl(one: One) -> Worked:
    o, a = one.optimizer, one.alpha
    p, l1, l2 = (
        float(o.learning_rate_power),
        float(o.l1_regularization_strength),
        float(o.l2_regularization_strength),
    )
    shrink, beta = float(o.l2_shrinkage_regularization_strength), float(o.beta)
    before, after = one.old["accumulator"], one.new["accumulator"]
    old, z = one.old["linear"], one.new["linear"]
    size = after**-p / a
    sigma = size - before**-p / a
    bottom = size + 2 * l2 + beta / a
    value = (min(max(z, -l1), l1) - z) / bottom
    extra = " + 2·λₛ·w" if shrink else ""
    more = f" + 2·{number(shrink)}·{signed(one.w)}" if shrink else ""
    lines = [
        _set("n", "n + g²", f"{number(before)} + {signed(one.g)}²", number(after)),
        Equation(
            ("η",), (("(n^(-p) - n₀^(-p))/α",), (number(sigma),)), "n₀ is the n before"
        ),
        _set(
            "z",
            f"z + g{extra} - η·w",
            f"{number(old)} + {signed(one.g)}{more} - {number(sigma)}·{signed(one.w)}",
            number(z),
        ),
        _set(
            "w",
            "(min(max(z, -λ₁), λ₁) - z)/(n^(-p)/α + 2·λ₂ + β/α)",
            f"({number(min(max(z, -l1), l1))} - {signed(z)})/{number(bottom)}",
            number(one.moved),
        ),
    ]
    return lines, value


RULES: dict[type[Optimizer], Callable[[One], Worked]] = {
    optimizers.SGD: _sgd,
    optimizers.RMSprop: _rmsprop,
    optimizers.Adagrad: _adagrad,
    optimizers.Adadelta: _adadelta,
    optimizers.Adam: _adam,
    optimizers.Adamax: _adamax,
    optimizers.Nadam: _nadam,
    optimizers.Lion: _lion,
    optimizers.Ftrl: _ftrl,
}


def worked(one: One) -> Worked | None:
    """The lines of a step, and the weight that they come to; None without formulas."""
    rule = nearest_formula(RULES, type(one.optimizer))
    return None if rule is None else rule(one)
