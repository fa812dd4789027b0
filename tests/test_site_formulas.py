"""Formulas of docstrings as LaTeX, and from there as MathML."""

import inspect
import re

import pytest
import reference

pytest.importorskip("latex2mathml")
import formulas


def latex(text):
    return [latex for *_, latex in formulas.formulas(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    {
        "y = γ · (x − μ) / √(σ² + ε) + β": (
            r"y = \dfrac{\gamma \cdot \left( x - \mu \right)}"
            r"{\sqrt{ \sigma^{2} + \epsilon }} + \beta"
        ),
        "a_j = e^z_j / Σ_k e^z_k.": r"a_{j} = \dfrac{e^{z_{j}}}{\sum_{k} e^{z_{k}}}",
        "w := w - α·dJ/dw": r"w \coloneqq w - \alpha \cdot \dfrac{d J}{d w}",
        "L = -Σⱼ yⱼ log ŷⱼ": r"L = - \sum_{j} y_{j} \, \log \, \hat{y}_{j}",
        "a = max_{i<k} |x_i|^p": (
            r"a = \max_{i < k} \, \left| x_{i} \right|^{p}"
        ),
        "s = q₇₅ - 2σ²": r"s = q_{75} - 2 \sigma^{2}",
        "v = vᵀ W u / ‖W u‖": (
            r"v = \dfrac{v^{T} \, W \, u}{\left\| W \, u \right\|}"
        ),
        "x < edge_i+1": r"x < \mathrm{edge}_{i+1}",
        "z = e^(-t/2)": r"z = e^{ - t / 2 }",
        "a_{i...} = Σ_k x_{i...k}": r"a_{i \ldots} = \sum_{k} x_{i \ldots k}",
        "p = P(y = 1 | x)": r"p = P\left( y = 1 \mid x \right)",
        "f ~ U(low, 1e-7)": r"f \sim U\left( \mathrm{low} , 10^{-7} \right)",
        "n = Σ w 1{a > t}": r"n = \sum w \, \mathbb{1}\{ a > t \}",
        "L = (1/n) Σᵢ { ½e² if |e| ≤ δ, else δ|e| }": (
            r"L = \dfrac{1}{n} \, \sum_{i} \begin{cases} \tfrac{1}{2} e^{2} "
            r"& \text{if } \left| e \right| \le \delta \\ "
            r"\delta \left| e \right| & \text{else} \end{cases}"
        ),
        "F₁ = TP / (TP + α FN)": (
            r"F_{1} = \dfrac{\mathrm{TP}}{ \mathrm{TP} + \alpha \, \mathrm{FN} }"
        ),
    }.items(),
)  # fmt: skip
def test_a_formula_becomes_latex(text, wanted):
    assert latex(text) == [wanted]
    assert formulas.written(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "Whether it is so: yes-or-no, one-hot.",
        "Unless it says training=False.",
        "Ω(W) = λ · the mean over pairs",  # goes on in words
        "x = places of the words",
        "L = x ⋈ y",
        "The cosine of y/a, a row of it",
        "y = (x",
        "A shape (batch, 1), for counts y with mean",
        "L = { a if b, c }",
    ],
)
def test_what_is_not_understood_stays_text(text):
    assert latex(text) == []
    assert formulas.typeset(text) == text


def test_formulas_stand_in_sentences():
    text = "With α = ½ and a step\n  t = 0, where x ≥ 0: a b. The mean of (a − y)²."
    assert latex(text) == [
        r"\alpha = \tfrac{1}{2}", "t = 0", r"x \ge 0", r"\left( a - y \right)^{2}"
    ]  # fmt: skip
    assert latex("With Pearson's r = 1 or a mean m = 2") == ["r = 1", "m = 2"]
    assert latex("* m := 2·m,\n* n := 1") == [
        r"m \coloneqq 2 \cdot m", r"n \coloneqq 1"
    ]  # fmt: skip


def test_code_examples_and_arguments_are_left_alone():
    text = (
        "Of `x = 1`: y = 2.\n\nBy hand::\n\n    R = 1  0\n\nThen z = 3.\n\n"
        "Args:\n    a: The a = 4.\n\n>>> b = 5\n"
    )
    made = formulas.typeset(text)
    assert re.findall(":math:`(.*?)`", made) == ["y = 2", "z = 3"]
    assert re.sub(":math:`(.*?)`", r"\1", made) == text


def test_most_formulas_of_the_reference_are_typeset():
    made = {
        entry.name: formulas.typeset(inspect.getdoc(entry.thing) or "")
        for entry in reference.entries()
        if inspect.isclass(entry.thing) or inspect.isroutine(entry.thing)
    }
    with_one = [name for name, text in made.items() if ":math:" in text]
    assert len(with_one) > 200
    for name in ("layers.Dense", "losses.MeanSquaredError", "optimizers.Adam",
                 "metrics.R2Score", "activations.sigmoid"):  # fmt: skip
        assert ":math:" in made[f"onefit.{name}"], name


def test_a_long_formula_may_be_scrolled():
    nodes = pytest.importorskip("docutils.nodes")

    class Writer:
        def __init__(self):
            self.body = []

    for latex, long in (("a = b", False), (" + ".join("abcdefghijklmnop"), True)):
        writer = Writer()
        with pytest.raises(nodes.SkipNode):
            formulas.mathml.visit_inline(writer, nodes.math(text=latex))
        assert ('class="long" tabindex="0"' in writer.body[0]) == long
