"""Formulas as data, written three ways: for a terminal, for a notebook, for LaTeX.

A formula is a tuple of parts: strings (operators, numbers, names of functions),
symbols, derivatives, fractions, powers.
"""

import dataclasses
import html
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from onefit.types import Scalar

__all__ = [
    "D",
    "Equation",
    "Fraction",
    "Html",
    "Latex",
    "Part",
    "Parts",
    "Plain",
    "Power",
    "S",
    "Words",
    "joined",
    "number",
    "product",
    "total",
]

_SUB = str.maketrans("0123456789+-ijkmn", "₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₘₙ")
_SUPER = str.maketrans("0123456789+-ij", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁱʲ")


@dataclasses.dataclass(frozen=True)
class S:
    """A symbol: w, with its unit and input as indices, its layer and its example.

    >>> Plain().text((S("w", (1, 2), 3),))
    'w₁₂[³]'
    """

    base: str
    sub: tuple[int | str, ...] = ()
    layer: int | str | None = None
    example: int | str | None = None
    bold: bool = False

    @property
    def indices(self) -> str:
        """Its indices, with a comma where one has two digits."""
        comma = any(len(str(i)) > 1 for i in self.sub)
        return ("," if comma else "").join(map(str, self.sub))


@dataclasses.dataclass(frozen=True)
class D:
    """The derivative of J, or of something else, by a symbol."""

    by: S
    of: str = "J"


@dataclasses.dataclass(frozen=True)
class Fraction:
    """One formula over another."""

    top: "Parts"
    bottom: "Parts"


@dataclasses.dataclass(frozen=True)
class Power:
    """A base to an exponent."""

    base: "Parts"
    exponent: "Parts"


@dataclasses.dataclass(frozen=True)
class Words:
    """Plain words within a formula."""

    text: str


Part: TypeAlias = str | S | D | Fraction | Power | Words
"""A piece of a formula."""

Parts: TypeAlias = tuple[Part, ...]
"""A formula."""


@dataclasses.dataclass(frozen=True)
class Equation:
    """left = step = step ..., and a remark."""

    left: Parts
    steps: tuple[Parts, ...]
    note: str = ""
    sign: str = "="


def number(value: Scalar) -> str:
    """A number as a reader wants it: five digits, whole numbers as they are.

    >>> number(0.99995), number(20.0), number(-1.5e-7), number(123456.0)
    ('0.99995', '20', '-1.5e-07', '123456')
    """
    value = float(value)
    if value == round(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.5g}"


def signed(value: Scalar) -> str:
    """A number as a factor or a term: in parentheses if it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def product(*values: Scalar) -> Parts:
    """Numbers multiplied: 0.5·(-2)."""
    return (("·").join(signed(v) for v in values),)


def joined(parts: Sequence[Parts], sign: str = " + ") -> Parts:
    """Formulas with a sign between them."""
    result: list[Part] = []
    for i, part in enumerate(parts):
        result += [sign, *part] if i else part
    return tuple(result)


def total(
    terms: Sequence[Parts], shown: int, values: Iterable[Scalar] | None = None
) -> Parts:
    """A sum; of many terms the largest, in their order, and how many are left out.

    Args:
        terms: The terms as formulas.
        shown: How many to show.
        values: What they come to; without it the first are shown.

    >>> Plain().text(total([("a",), ("b",), ("c",), ("d",)], 2, [1, 0, -9, 0]))
    'a + c + … (2 zeros)'
    """
    shown = max(shown, 2)
    if len(terms) <= shown:
        return joined(terms)
    sizes = [0.0] * len(terms) if values is None else [abs(float(v)) for v in values]
    kept = sorted(sorted(range(len(terms)), key=lambda i: -sizes[i])[:shown])
    rest = [size for i, size in enumerate(sizes) if i not in kept]
    kind = "more" if values is None else "smaller" if any(rest) else "zeros"
    left_out: Parts = ("…", Words(f" ({len(rest)} {kind})"))
    return joined([*(terms[i] for i in kept), left_out])


class Plain:
    """For a terminal: z₁[²] = w₁[²] · a[¹] + b₁[²]."""

    def text(self, parts: Parts) -> str:
        """A formula."""
        return "".join(self.part(part) for part in parts)

    def part(self, part: Part) -> str:
        """A part of a formula."""
        if isinstance(part, S):
            layer = ""
            if part.layer is not None:
                layer = f"[{str(part.layer).translate(_SUPER)}]"
                if isinstance(part.layer, str) and len(part.layer) > 1:
                    layer = f"[{part.layer}]"
            example = ""
            if part.example is not None:
                example = f"⁽{str(part.example).translate(_SUPER)}⁾"
            sub = part.indices.translate(_SUB)
            sub = f"_{part.indices}" if "y" in sub else sub
            return f"{part.base}{sub}{layer}{example}"
        if isinstance(part, D):
            return f"d{part.of}/d{self.part(part.by)}"
        if isinstance(part, Fraction):
            return f"{self._held(part.top)}/{self._held(part.bottom)}"
        if isinstance(part, Power):
            above = self.text(part.exponent)
            above = above if len(above) == 1 else f"({above})"
            return f"{self.text(part.base)}^{above}"
        return part.text if isinstance(part, Words) else str(part)

    def _held(self, parts: Parts) -> str:
        text = self.text(parts)
        loose = " " in text and not (text[0] == "(" and text.find(")") == len(text) - 1)
        return f"({text})" if loose or ("·" in text and text[0] != "(") else text


class Html(Plain):
    """For a notebook: indices as such."""

    def part(self, part: Part) -> str:
        """A part of a formula."""
        if isinstance(part, S):
            base = html.escape(part.base)
            text = f"<b>{base}</b>" if part.bold else f"<i>{base}</i>"
            if part.sub:
                text += f"<sub>{html.escape(part.indices)}</sub>"
            above = "" if part.layer is None else f"[{html.escape(str(part.layer))}]"
            above += "" if part.example is None else f"({part.example})"
            return text + (f"<sup>{above}</sup>" if above else "")
        if isinstance(part, D):
            return f"<i>d{part.of}</i>/<i>d</i>{self.part(part.by)}"
        if isinstance(part, Power):
            return f"{self.text(part.base)}<sup>{self.text(part.exponent)}</sup>"
        if isinstance(part, Fraction):
            return super().part(part)
        text = part.text if isinstance(part, Words) else str(part)
        return html.escape(text, quote=False)


_LATEX = {
    "·": r" \cdot ",
    "Σ": r"\sum ",
    "σ": r"\sigma ",
    "√": r"\surd ",
    "…": r"\cdots ",
    "≥": r"\ge ",
    "≤": r"\le ",
    "Ω": r"\Omega ",
    "Π": r"\Pi ",
    "λ": r"\lambda ",
    "α": r"\alpha ",
    "β": r"\beta ",
    "γ": r"\gamma ",
    "δ": r"\delta ",
    "ε": r"\epsilon ",
    "η": r"\eta ",
    "μ": r"\mu ",
    "ρ": r"\rho ",
    "τ": r"\tau ",
    "½": r"\frac{1}{2}",
    "ŷ": r"\hat{y}",
    "−": "-",
    "×": r"\times ",
    "→": r"\to ",
    "∞": r"\infty ",
    "⊙": r"\odot ",
    "‖": r"\Vert ",
}
_FUNCTIONS = ("log", "tanh", "max", "min", "exp")
_BELOW = {"ₜ": "t", "ₛ": "s"} | {chr(v): chr(k) for k, v in _SUB.items()}
_ABOVE = {"ᵗ": "t", "ᵀ": "T", "ᶻ": "z", "⁽": "(", "⁾": ")"} | {
    chr(v): chr(k) for k, v in _SUPER.items()
}


def _function(match: re.Match[str]) -> str:
    name = match[0]
    return rf"\{name} " if name in _FUNCTIONS else rf"\mathrm{{{_safe(name)}}}"


def _indices(marks: dict[str, str], sign: str, text: str) -> str:
    """Runs of small letters as one index."""
    return re.sub(
        f"[{''.join(marks)}]+",
        lambda m: f"{sign}{{{''.join(marks[c] for c in m[0])}}}",
        text,
    )


class Latex:
    r"""For LaTeX: z_{1}^{[2]} = \vec{w}_{1}^{[2]} \cdot \vec{a}^{[1]} + b_{1}^{[2]}."""

    def text(self, parts: Parts) -> str:
        """A formula."""
        return "".join(self.part(part) for part in parts)

    def part(self, part: Part) -> str:
        """A part of a formula."""
        if isinstance(part, S):
            base = self.symbols(part.base)
            text = rf"\vec{{{base}}}" if part.bold else base.strip()
            if part.sub:
                text += f"_{{{','.join(map(str, part.sub))}}}"
            above = "" if part.layer is None else f"[{self._name(part.layer)}]"
            above += "" if part.example is None else f"({part.example})"
            return text + (f"^{{{above}}}" if above else "")
        if isinstance(part, D):
            of = self.symbols(part.of).strip()
            return rf"\frac{{d{of}}}{{d{self.part(part.by)}}}"
        if isinstance(part, Fraction):
            return rf"\frac{{{self.text(part.top)}}}{{{self.text(part.bottom)}}}"
        if isinstance(part, Power):
            return f"{self.text(part.base)}^{{{self.text(part.exponent)}}}"
        if isinstance(part, Words):
            return rf"\text{{{escaped(part.text)}}}"
        return self.symbols(str(part))

    def _name(self, layer: int | str) -> str:
        return str(layer) if isinstance(layer, int) else rf"\mathrm{{{_safe(layer)}}}"

    def symbols(self, text: str) -> str:
        """Operators, numbers and functions' names."""
        text = re.sub(r"[A-Za-z]{2,}(?:_[A-Za-z0-9]+)*", _function, text)
        text = re.sub(r"\^\(([^()]*)\)", r"^{\1}", text)
        text = re.sub(r"\^(\d+)", r"^{\1}", text)
        text = re.sub(r"√\(([^()]*(?:\([^()]*\)[^()]*)*)\)", r"\\sqrt{\1}", text)
        text = re.sub("√(\\d[\\d.]*(?:e[-+]\\d+)?|[a-z]\u0302?)", r"\\sqrt{\1}", text)
        text = re.sub("([a-z])\u0302", r"\\hat{\1}", text)
        text = _indices(_ABOVE, "^", _indices(_BELOW, "_", text))
        for mark, code in _LATEX.items():
            text = text.replace(mark, code)
        return re.sub(r"(\d)e([+-])0*(\d+)", _power, text)


def _power(match: re.Match[str]) -> str:
    """1.5e-07 as 1.5 times a power of ten."""
    sign = "-" if match[2] == "-" else ""
    return rf"{match[1]} \times 10^{{{sign}{match[3]}}}"


def _safe(name: str) -> str:
    return name.replace("_", r"\_")


_ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "…": r"\ldots{}",
    "—": "---",
    "–": "--",
}


def escaped(text: str) -> str:
    r"""Words for LaTeX; a sign that it has no name for is left out.

    >>> print(escaped("dense_1: σ² of 50 %"))
    dense\_1: $\sigma$$^{2}$ of 50 \%
    """
    result = []
    for c in text:
        code = _ESCAPES.get(c, c if c.isascii() else "")
        if c in _LATEX and c != "…":
            code = f"${_LATEX[c].strip()}$"
        elif c in _BELOW:
            code = f"$_{{{_BELOW[c]}}}$"
        elif c in _ABOVE:
            code = f"$^{{{_ABOVE[c]}}}$"
        result.append(code)
    return "".join(result)
