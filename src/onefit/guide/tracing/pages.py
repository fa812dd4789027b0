"""What a trace says, as sections of equations: one text for all its faces."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import numpy as np

from onefit import activations
from onefit.errors import invalid
from onefit.guide.tracing import formulas
from onefit.guide.tracing.calls import Call, Output
from onefit.guide.tracing.notation import (
    D,
    Equation,
    Fraction,
    Parts,
    S,
    Words,
    joined,
    number,
    product,
    signed,
    total,
)
from onefit.layers import Dense
from onefit.registry import computes_like
from onefit.regularizers import L1, L2
from onefit.types import Scalar, Tree

if TYPE_CHECKING:
    from onefit.guide.trace import Trace

__all__ = ["Section", "View", "Writer", "worth"]


@dataclasses.dataclass(frozen=True)
class View:
    """How much is shown, and of what.

    Attributes:
        example: i, which example's way through the network, from 1.
        layer: A layer's name or number l, None for all.
        unit: j, one unit of it, None for the first few.
        units: How many units of a layer, and inputs of a unit.
        terms: How many terms of a sum.
    """

    example: int = 1
    layer: str | int | None = None
    unit: int | None = None
    units: int = 2
    terms: int = 4

    def shown(self, count: int) -> int:
        """How many of `count` units are shown: all, if they are few."""
        return count if count <= max(self.units, 4) else self.units


Line: TypeAlias = str | Equation | list[list[str]]
"""A sentence, an equation, or a table as a list of rows."""


@dataclasses.dataclass
class Section:
    """A heading, what is said below it, and sections within.

    Attributes:
        title: The heading.
        lines: Equations, sentences (str) and tables (list of rows).
        parts: Sections within it.
        open: Whether it is unfolded at first.
    """

    title: str
    lines: list[Line] = dataclasses.field(default_factory=list)
    parts: list["Section"] = dataclasses.field(default_factory=list)
    open: bool = True


def worth(a: Scalar, b: Scalar) -> bool:
    """Whether a sum comes to what it should, but for rounding."""
    return bool(np.isclose(float(a), float(b), rtol=1e-3, atol=1e-6))


def _shape(value: Tree) -> str:
    shapes = [np.shape(a) for a in jax.tree.leaves(value)]
    return " and ".join(str(tuple(s)) for s in shapes)


def _spread(value: Tree) -> str:
    """The range of some numbers, in words."""
    arrays = [np.asarray(a, float) for a in jax.tree.leaves(value)]
    flat = np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.zeros(0)
    if not flat.size:
        return "no numbers"
    if flat.size <= 6:
        return ", ".join(number(v) for v in flat)
    with np.errstate(all="ignore"):
        zeros = np.mean(flat == 0)
        text = (
            f"{number(flat.min())} to {number(flat.max())}, mean {number(flat.mean())}"
        )
    return text + (f", {100 * zeros:.0f} % zeros" if zeros else "")


def _norm(value: Tree) -> float:
    arrays = [np.asarray(a, float) for a in jax.tree.leaves(value)]
    return math.sqrt(sum(float(np.sum(a * a)) for a in arrays))


def _plain_dense(call: Call) -> bool:
    """Whether a call is spelled out: rows of numbers by a matrix."""
    return computes_like(type(call.layer), Dense) and np.ndim(call.z) == 2


class Writer:
    """Writes a trace as sections.

    Raises:
        ValueError: An example, a layer or a unit that is not there.
    """

    def __init__(self, trace: "Trace", view: View) -> None:
        self.trace, self.view = trace, view
        if not 1 <= view.example <= trace.rows:
            raise invalid(
                "trace",
                f"example={view.example}",
                f"1 to {trace.rows}, as the examples are numbered",
                "write example=1 for the first",
            )
        self.row = view.example - 1
        self.chosen = trace.calls if view.layer is None else [trace[view.layer]]

    def sections(self) -> list[Section]:
        """All that is asked for."""
        trace = self.trace
        several = f" {self.view.example} of {trace.rows}" if trace.rows > 1 else ""
        result = [] if self.view.layer is not None else [self._head()]
        parts = [self._forward(call) for call in self.chosen]
        result.append(Section(f"Forward, example{several}", [], parts))
        if trace.J is None:
            return result
        forward = result[-1]
        if self.view.layer is None:
            result.append(self._cost())
        parts = [self._backward(call) for call in reversed(self.chosen)]
        for part in [*forward.parts, *parts]:
            part.open = len(parts) <= 3
        title = "Backward, from J to the weights, by the chain rule"
        result.append(Section(title, [], parts))
        if self.view.layer is None and any(c.penalty for c in trace.calls):
            result[-1].lines.append(
                "dJ/dw of a weight with a penalty has the penalty's own term last."
            )
        return result

    # Head ----------------------------------------------------------------------------

    def _head(self) -> Section:
        trace = self.trace
        what = "as while training" if trace.training else "layers as in predict"
        rows = "one example" if trace.rows == 1 else f"m = {trace.rows} examples"
        cost = "" if trace.J is None else f", J = {number(trace.J)}"
        lines: list[Line] = [f"{rows}{cost}; {trace.dtype}, {what}"]
        names = ["l", "layer", "a", "mean |a|"]
        if trace.J is not None:
            names += ["|dJ/da|", "|dJ/dw|"]
        table = [names]
        for call in trace.calls:
            arrays = [np.abs(np.asarray(a, float)) for a in jax.tree.leaves(call.a)]
            row = [
                "" if call.number is None else str(call.number),
                f"{call.kind} {call.name!r}",
                _shape(call.a),
                f"{np.mean([a.mean() for a in arrays if a.size] or [0]):.3g}",
            ]
            if trace.J is not None:
                da = "" if call.da is None else f"{_norm(call.da):.3g}"
                dw = f"{_norm(call.gradients):.3g}" if call.weights else ""
                row += [da, dw]
            table.append(row)
        return Section(f"Trace of {trace.name!r}", [*lines, table])

    # Forward -------------------------------------------------------------------------

    def _title(self, call: Call) -> str:
        number = "" if call.number is None else f"[{call.number}] "
        frozen = "" if call.layer.trainable or not call.weights else ", frozen"
        return f"{number}{call.kind} {call.name!r}{frozen}"

    def _shapes(self, call: Call) -> str:
        between = f", then {call.activation}" if call.activation else ""
        if _plain_dense(call):
            inputs, units = call.W.shape
            return (
                f"{inputs} input{'s' * (inputs != 1)}, "
                f"{units} unit{'s' * (units != 1)}{between}"
            )
        return f"{_shape(call.input)} to {_shape(call.a)}{between}"

    def _forward(self, call: Call) -> Section:
        section = Section(f"{self._title(call)}: {self._shapes(call)}")
        if not _plain_dense(call):
            source = " and ".join(map(repr, call.sources))
            section.lines.append(f"{formulas.formula_of(call.layer)}.")
            section.lines.append(f"from {source}: {_spread(call.input)}")
            if call.activation:
                section.lines.append(f"z: {_spread(call.z)}")
            section.lines.append(f"a: {_spread(call.a)}")
            return section
        r, a_in = self.row, call.input[self.row]
        if call.inputs[0] == 0 and len(a_in) <= 12:
            values = (f"({', '.join(number(v) for v in a_in)})",)
            made = any(call.sources[0] == c.name for c in self.trace.calls)
            steps = (values,) if made else ((S("x", bold=True),), values)
            section.lines.append(Equation((_of("a", 0),), steps))
        for j in self._units(call, section):
            z, a = _unit("z", j, call), _unit("a", j, call)
            w = _of("w", call.label, (j + 1,))
            terms = [product(call.W[k, j], a_in[k]) for k in range(len(a_in))]
            symbols: tuple[Any, ...] = (w, " · ", _of("a", call.inputs[0]))
            if call.b is not None:
                symbols = (*symbols, " + ", S("b", (j + 1,), call.label))
            sums = total(terms, self.view.terms, call.W[:, j] * a_in)
            if call.b is not None:
                sums = (*sums, " + ", signed(call.b[j]))
            section.lines.append(
                Equation((z,), (symbols, sums, (number(call.z[r, j]),)))
            )
            if call.activation:
                steps = formulas.activation(
                    call.activation, z, call.z[r, j], call.z[r], call.a[r, j]
                )
                section.lines.append(Equation((a,), tuple(steps)))
            else:
                steps = ((z,), (number(call.a[r, j]),))
                section.lines.append(Equation((a,), steps))
        g = getattr(activations, call.activation or "linear", None)
        known = ("sigmoid", "tanh", "relu", "softmax", "softplus", "exponential")
        if call.activation and g is not None and call.activation not in known:
            section.lines.append(f"{call.activation}: {formulas.formula_of(g)}.")
        return section

    def _units(self, call: Call, section: Section) -> list[int]:
        """Which units are spelled out."""
        count = call.W.shape[1]
        j = self.view.unit
        if j is not None:
            if not 1 <= j <= count:
                raise invalid(
                    f"trace of {call.name!r}",
                    f"unit={j}",
                    f"1 to {count}, as its units are numbered",
                    "write unit=1 for the first",
                )
            return [j - 1]
        shown = self.view.shown(count)
        if count > shown:
            section.lines.append(
                f"units 1 to {shown} of {count}; another: "
                f"trace.text(layer={call.name!r}, unit={count})"
            )
        return list(range(shown))

    # The cost ------------------------------------------------------------------------

    def _cost(self) -> Section:
        trace = self.trace
        assert trace.J is not None
        assert trace.data is not None
        section = Section("Loss and cost")
        parts, numbers = [], []
        for output in trace.outputs:
            if output.loss is None:
                continue
            self._loss(output, section, len(trace.outputs) > 1)
            factor = "" if output.weight == 1 else f"{number(output.weight)}·"
            parts.append(
                (f"{factor}J",)
                if len(trace.outputs) == 1
                else (factor, S("J", (), output.name))
            )
            numbers.append((f"{factor}{signed(output.cost)}",))
        data = sum(o.weight * o.cost for o in trace.outputs)
        activity = trace.data - data
        if not worth(trace.data, data):
            parts.append((S("Ω", (), "activity"),))
            numbers.append((number(activity),))
        seen: set[int] = set()
        for call in trace.calls:
            if call.penalty and id(call.layer) not in seen:
                seen.add(id(call.layer))
                label = call.label if call.number is None else call.number
                parts.append((S("Ω", (), label),))
                numbers.append((number(call.penalty),))
                section.lines.append(self._penalty(call, label))
        if len(parts) > 1:
            symbols = (
                joined([(Words("mean loss"),), *parts[1:]])
                if len(trace.outputs) == 1
                else joined(parts)
            )
            steps = (symbols, joined(numbers), (number(trace.J),))
            section.lines.append(Equation(("J",), steps))
        elif parts and numbers[0] != (number(trace.J),):
            section.lines.append(Equation(("J",), (numbers[0], (number(trace.J),))))
        return section

    def _penalty(self, call: Call, label: int | str) -> Equation:
        """Ω of a layer's weights."""
        rules = [
            f"{name}: {type(rule).__name__}"
            for name in call.weights
            if (rule := getattr(call.layer, f"{name}_regularizer", None)) is not None
        ]
        one: Any = getattr(call.layer, "kernel_regularizer", None)
        steps: list[Any] = [(number(call.penalty),)]
        if len(rules) == 1 and type(one) in (L1, L2):
            square = type(one) is L2
            rate = float(one.l2 if square else one.l1)
            sums = np.sum(call.W**2 if square else np.abs(call.W))
            inner = "Σ w·w" if square else "Σ |w|"
            steps = [(f"{number(rate)}·{inner}",), product(rate, sums), *steps]
        return Equation((S("Ω", (), label),), tuple(steps), ", ".join(rules))

    def _loss(self, output: Output, section: Section, named: bool) -> None:
        m, r = self.trace.rows, self.row
        values = np.asarray(output.values, float)
        heading = f"{type(output.loss).__name__} of {output.name!r}: "
        section.lines.append(heading + formulas.formula_of(output.loss) + ".")
        if values.ndim == 0:
            cost = (number(output.cost),)
            section.lines.append(Equation(("J",), (cost,), "one value for the batch"))
            return
        L = S("L", (), None, r + 1)
        known = self._formula(output)
        if values.ndim == 1:
            steps = [] if known is None else [s for s in known.value if s]
            y = np.ravel(self._targets(output))
            target = ", ".join(number(v) for v in y[:6]) + (", …" if len(y) > 6 else "")
            plain = np.ravel(np.asarray(output.y, float)[r])
            if output.link == "softmax" and len(plain) == 1 and len(y) > 1:
                target = f"{number(plain[0])}, class {number(plain[0])} is unit "
                target += number(plain[0] + 1)
            note = f"y = {target}"
            section.lines.append(Equation((L,), (*steps, (number(values[r]),)), note))
        else:
            where = f"{_shape(values[r])} values of example {r + 1}"
            mean = (number(values[r].mean()),)
            section.lines.append(Equation((L,), (mean,), f"mean of the {where}"))
        shares = np.broadcast_to(np.asarray(output.shares, float), values.shape)
        shares = shares / output.weight if output.weight else shares
        left: Any = (S("J", (), output.name),) if named else ("J",)
        flat, weights = values.ravel(), shares.ravel()
        even = np.allclose(weights, 1 / len(flat), rtol=1e-4, atol=0)
        if even:
            top = total([(signed(v),) for v in flat], self.view.terms, flat)
            count = "m" if values.ndim == 1 else str(len(flat))
            symbols: Any = (f"(1/{count}) Σᵢ ", S("L", (), None, "i"))
            step: Any = (f"(1/{len(flat)}) · (", *top, ")")
            steps = [symbols, step] if len(flat) > 1 else []
        else:
            terms = [product(w, v) for w, v in zip(weights, flat, strict=True)]
            L_i = S("L", (), None, "i")
            symbols = ("Σᵢ ", D(L_i), " · ", L_i)
            steps = [symbols, total(terms, self.view.terms, weights * flat)]
        if m > 1 or steps or not worth(flat[0], output.cost):
            section.lines.append(Equation(left, (*steps, (number(output.cost),))))
        elif not named:
            section.lines.append(Equation(("J",), ((L,), (number(output.cost),))))

    def _targets(self, output: Output) -> np.ndarray:
        """The example's targets as a row for its units: one-hot for class numbers."""
        y = np.asarray(output.y, float)[self.row]
        n = np.shape(output.a)[-1]
        sparse = output.loss is not None and output.loss.compares == "sparse"
        if sparse and np.size(y) == 1:
            return (np.arange(n) == int(np.ravel(y)[0])).astype(float)
        return np.ravel(y)

    def _formula(self, output: Output) -> formulas.Formula | None:
        if np.ndim(output.a) != 2 or output.loss is None:
            return None
        a = np.asarray(output.a, float)[self.row]
        if output.link == "softmax" and self._logits(output):
            a = np.exp(a - a.max()) / np.exp(a - a.max()).sum()
        elif output.link == "sigmoid" and self._logits(output):
            a = 1 / (1 + np.exp(-a))
        return formulas.losses(output.loss, output.link, self._targets(output), a)

    def _logits(self, output: Output) -> bool:
        """Whether the model itself ends in z."""
        return output.link is not None and not any(
            c.head for c in self.trace.calls if c.name == output.call
        )

    # Backward ------------------------------------------------------------------------

    def _backward(self, call: Call) -> Section:
        section = Section(self._title(call))
        if not _plain_dense(call):
            if call.da is not None:
                section.lines.append(f"dJ/da: {_spread(call.da)}")
            if call.activation and call.dz is not None:
                section.lines.append(f"dJ/dz: {_spread(call.dz)}")
            for name, g in call.gradients.items():
                size = f"dJ/d{name} {_shape(g)}: {_spread(g)}"
                section.lines.append(size)
            return section
        section.title += f": dJ/da, dJ/dz, then dJ/dw of its {call.W.size} weights"
        for j in self._units(call, section):
            self._unit_back(call, j, section)
        return section

    def _unit_back(self, call: Call, j: int, section: Section) -> None:
        r = self.row
        i = r + 1 if self.trace.rows > 1 else None
        a, z = _unit("a", j, call, i), _unit("z", j, call, i)
        output = next((o for o in self.trace.outputs if o.call == call.name), None)
        da, dz = float(call.da[r, j]), float(call.dz[r, j])
        known = self._formula(output) if output is not None else None
        only = output is not None and not self._consumers(call)
        lines = section.lines
        if np.isfinite(da):
            steps = self._share(output, known and known.da, j, da) if only else []
            if not steps and not only:
                steps = self._from_next(call, j, da)
            said = "" if steps or only else self._whence(call)
            lines.append(Equation((D(a),), (*steps, (number(da),)), said))
        if call.activation is None and not (output and self._logits(output)):
            lines.append(Equation((D(z),), ((D(a),), (number(dz),))))
        else:
            steps = []
            if call.slope is not None and np.isfinite(da):
                g = float(call.slope[r, j])
                symbols = formulas.slope(
                    call.activation,
                    _unit("a", j, call),
                    _unit("z", j, call),
                    call.a[r, j],
                    call.z[r, j],
                )
                steps: list[Any] = [(D(a), " · g'(", z, ")")]
                if symbols:
                    steps.append(
                        (number(da), " · ", *symbols[-1])
                        if len(symbols[-1]) == 1
                        else (number(da), " · (", *symbols[-1], ")")
                    )
                else:
                    steps.append((number(da), " · ", signed(g)))
                if not worth(da * g, dz):
                    steps = []
            elif call.activation and np.isfinite(da) and not only:
                steps = [
                    (
                        "Σₖ ",
                        D(_of("a", call.label, ("k",), i, False)),
                        " · da",
                        "ₖ/d",
                        z,
                    )
                ]
            straight = self._share(output, known and known.dz, j, dz) if only else []
            lines.append(Equation((D(z),), (*steps, *straight, (number(dz),))))
        self._weights_back(call, j, section)

    def _weights_back(self, call: Call, j: int, section: Section) -> None:
        m = self.trace.rows
        many = "i" if m > 1 else None
        sign = "Σᵢ " if m > 1 else ""
        z = _unit("z", j, call, many)
        dz = np.asarray(call.dz, float)[:, j]
        alone = _same(call)
        inputs = call.W.shape[0]
        shown = self.view.shown(inputs)
        largest = np.argsort(-np.abs(call.shares["kernel"][:, j]), kind="stable")
        for k in sorted(map(int, largest[:shown])):
            a = S("a", (k + 1,), call.inputs[0], many)
            value, pull = call.shares["kernel"][k, j], call.pulls["kernel"][k, j]
            terms = [product(d, x) for d, x in zip(dz, call.input[:, k], strict=True)]
            self._slope_line(
                S("w", (j + 1, k + 1), call.label),
                (sign, D(z), " · ", a),
                (terms, dz * call.input[:, k]),
                float(value),
                float(pull),
                alone,
                section,
            )
        if inputs > shown:
            section.lines.append(
                f"the largest of {inputs}; all: "
                f"trace[{call.name!r}].gradients['kernel'][:, {j}]"
            )
        if call.b is not None:
            value, pull = call.shares["bias"][j], call.pulls["bias"][j]
            self._slope_line(
                S("b", (j + 1,), call.label),
                (sign, D(z)),
                ([(signed(d),) for d in dz], dz),
                float(value),
                float(pull),
                alone,
                section,
            )

    def _slope_line(
        self,
        weight: S,
        symbols: Parts,
        terms: tuple[list[Parts], np.ndarray],
        value: float,
        pull: float,
        alone: bool,
        section: Section,
    ) -> None:
        """dJ/dw = Σᵢ dJ/dz·a, with the penalty's term behind it."""
        sums = total(terms[0], self.view.terms, terms[1])
        if pull:
            symbols = (*symbols, " + ", D(weight, "Ω"))
            sums = (*sums, " + ", signed(pull))
        note = "" if alone else "of this call; trace[...].gradients has the sum"
        steps = (symbols, sums, (number(value + pull),))
        if len(terms[0]) == 1 and not pull and len(symbols) < 3:
            steps = (symbols, (number(value),))
        section.lines.append(Equation((D(weight),), steps, note))

    def _consumers(self, call: Call) -> list[Call]:
        return [c for c in self.trace.calls if call.name in c.sources]

    def _from_next(self, call: Call, j: int, da: float) -> list[Parts]:
        """dJ/da_j as the sum over the next layer's units of w · dJ/dz."""
        after = self._consumers(call)
        if len(after) != 1 or not _plain_dense(after[0]) or after[0].dz is None:
            return []
        following, r = after[0], self.row
        i = r + 1 if self.trace.rows > 1 else None
        weights = np.asarray(following.W, float)[j]
        dz = np.asarray(following.dz, float)[r]
        if not worth(weights @ dz, da) or any(
            o.call == call.name for o in self.trace.outputs
        ):
            return []
        pairs = [
            (
                S("w", (n + 1, j + 1), following.label),
                "·",
                D(_unit("z", n, following, i)),
            )
            for n in range(len(dz))
        ]
        terms = [product(w, d) for w, d in zip(weights, dz, strict=True)]
        shown = self.view.terms
        return [total(pairs, min(3, shown)), total(terms, shown, weights * dz)]

    def _whence(self, call: Call) -> str:
        names = [c.name for c in self._consumers(call)]
        names += [f"output {o.name}" for o in self.trace.outputs if o.call == call.name]
        if not names:
            return "nothing depends on it"
        passed = "passes" if len(names) == 1 else "pass"
        return f"what {' and '.join(names)} {passed} back"

    def _share(
        self,
        output: Output | None,
        known: formulas.Derivative | None,
        j: int,
        actual: float,
    ) -> list[Parts]:
        """The steps of a derivative at an output: the loss's own, times w⁽ⁱ⁾/m."""
        if output is None or known is None:
            return []
        y = self._targets(output)
        call = self.trace[output.call]
        sa = _unit("a", j, call)
        sy = S("y", (j + 1,)) if len(y) > 1 else S("y")
        if self._logits(output):
            sa = S("g(z)", (j + 1,), call.label) if len(y) > 1 else S("g(z)")
        symbols, numbers, value = known(j, sa, sy)
        share = float(np.ravel(np.asarray(output.shares, float)[self.row])[0])
        if not worth(value * share, actual):
            return []
        m = self.trace.rows
        if share == 1:
            return [symbols, numbers]
        if np.isclose(share, 1 / m, rtol=1e-5):
            if any(isinstance(part, Fraction) for part in symbols):
                parts = [symbols, numbers]
                if symbols[0] == "-":
                    parts = [("(", *part, ")") for part in parts]
                return [("(1/m) · ", *parts[0]), (f"(1/{m}) · ", *parts[1])]
            return [(Fraction(symbols, ("m",)),), (Fraction(numbers, (str(m),)),)]
        L = D(S("L", (), None, self.view.example))
        opened = "(" if len(symbols) > 1 else ""
        closed = ")" if opened else ""
        return [
            (L, " · ", opened, *symbols, closed),
            (signed(share), " · ", opened, *numbers, closed),
        ]


def _same(call: Call) -> bool:
    """Whether this call's share, with penalties, is all of the gradient."""
    return all(
        np.allclose(call.shares[name] + call.pulls[name], g, rtol=1e-5, atol=0)
        for name, g in call.gradients.items()
    )


def _of(
    base: str,
    layer: int | str,
    sub: tuple[int | str, ...] = (),
    example: int | str | None = None,
    bold: bool = True,
) -> S:
    return S(base, sub, layer, example, bold)


def _unit(base: str, j: int, call: Call, example: int | str | None = None) -> S:
    return S(base, (j + 1,), call.label, example)
