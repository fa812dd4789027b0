"""Formulas in a docstring's sentences, found and written as LaTeX.

A docstring has its formula as a reader of the source sees it: y = γ · (x − μ) / σ + β.
What reads as a formula from its first sign to its last becomes a formula of the page;
what does not stays the text that it is.

    relation    expression (= expression)*          also := ≤ ≥ < > ~ ≠
    expression  [-] product (+ product)*            also -, ±
    product     factor (· factor)*                  also /, *, ⊙, or a space
    factor      unit unit*                          2σ², without a space
    unit        a number, a name, f(x), (x), |x|, ‖x‖, ⌊x⌋, √x, Σ_k product; with what
                stands above and below: x², xᵀ, x_i, x^n, x'
"""

import re
import string
import unicodedata
from dataclasses import dataclass

import mathml

ABOVE = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁱᵏⁿᵖᵗᵀᶻ", "0123456789+-ikNptTz", strict=True))
ABOVE["ⁿ"] = "n"
BELOW = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-aehijklmnoprstuvx",
                 strict=True))  # fmt: skip
RELATIONS = {
    "=": "=", ":=": r"\coloneqq", "≤": r"\le", "≥": r"\ge", "<=": r"\le",
    ">=": r"\ge", "<": "<", ">": ">", "~": r"\sim", "≠": r"\ne",
    "←": r"\leftarrow",
}  # fmt: skip
SUMS = {"+": "+", "-": "-", "−": "-", "±": r"\pm"}
PRODUCTS = {
    "·": r"\cdot", "*": "*", "⊙": r"\odot", "×": r"\times", "∘": r"\circ",
    "mod": r"\bmod",
}  # fmt: skip
BRACKETS = {"(": (r"\left(", ")", r"\right)"), "|": (r"\left|", "|", r"\right|"),
            "‖": (r"\left\|", "‖", r"\right\|"),
            "⌊": (r"\lfloor", "⌋", r"\rfloor")}  # fmt: skip
FUNCTIONS = {"log", "exp", "max", "min", "sin", "cos", "tanh", "cosh"}
GREEK = {
    sign: "\\" + unicodedata.name(sign).rpartition(" ")[2].lower()
    for sign in "αβγδεζηθικλμνξπρστυφχψω"
} | {"λ": r"\lambda", "Ω": r"\Omega", "Δ": r"\Delta", "Γ": r"\Gamma"}
HATS = {"\u0302": r"\hat", "\u0304": r"\bar"}
ACCENTED = [
    one for letter in string.ascii_letters for hat in HATS
    if len(one := unicodedata.normalize("NFC", letter + hat)) == 1
]  # fmt: skip
"""Letters with a hat or a bar that are one sign."""
FRACTIONS = {"½": r"\tfrac{1}{2}", "¼": r"\tfrac{1}{4}"}

TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)"
    rf"|(?P<accented>[A-Za-z][\u0302\u0304]|[{''.join(ACCENTED)}])"
    r"|(?P<word>[A-Za-z]+(?:_[A-Za-z0-9]+)*)"
    rf"|(?P<above>[{''.join(ABOVE)}]+)|(?P<below>[{''.join(BELOW)}]+)"
    r"|(?P<sign>:=|<=|>=|\.\.\.|\S)"
)
FRACTION = re.compile(r"\s*\\frac\{[^{}]*\}\{[^{}]*\}\s*")
ENDS = ",.;:?!)"
"""Signs that may stand after a formula."""
STRONG = re.compile(r"[Σ√·⊙^‖²³]| [-/+−] ")
"""What a formula without a relation has, and words with a hyphen have not."""


JOINS = ("and", "for", "where")
"""Words after which a plain word is the end of a formula: a ≥ threshold and ..."""
OPENING = re.compile(r"(^|:|\b(mean of|is|else|elsewhere|plus))\s*$")
"""What stands before one without a relation."""


class Unread(Exception):
    """What was read is no formula."""


@dataclass
class Token:
    """A sign, a number or a word; whether after a space, and first of its line."""

    kind: str
    text: str
    start: int
    end: int
    spaced: bool
    first: bool = False


@dataclass
class Piece:
    """A part of a formula as LaTeX.

    Attributes:
        latex: The whole.
        inside: What is in its brackets, if it is nothing but brackets.
        word: Whether it is a plain word, beside which a space means no product.
    """

    latex: str
    inside: str | None = None
    word: bool = False

    @property
    def bare(self) -> str:
        """Without the brackets that a fraction or a root makes needless."""
        return self.latex if self.inside is None else self.inside


def tokens(text: str) -> list[Token]:
    """The parts of a text, spaces left out."""
    found = []
    for match in TOKEN.finditer(text):
        before = text[: match.start()]
        spaced = not before or before[-1].isspace()
        first = not before.rpartition("\n")[2].strip()
        place = match.start(), match.end()
        found.append(Token(str(match.lastgroup), match[0], *place, spaced, first))
    return found


class Reader:
    """Reads a formula from tokens, from one of them on."""

    def __init__(self, found: list[Token], at: int):
        self.tokens, self.at, self.flat = found, at, 0
        self.relations = 0

    @property
    def next(self) -> Token:
        """The token that comes."""
        if self.at < len(self.tokens):
            return self.tokens[self.at]
        return Token("end", "", 0, 0, True)

    def take(self) -> Token:
        """The token that comes, which is then behind."""
        self.at += 1
        return self.tokens[self.at - 1]

    def sign(self, text: str) -> None:
        """Takes a sign that has to be there."""
        if self.next.text != text:
            raise Unread
        self.at += 1

    def relation(self, inside: bool = False) -> Piece:
        """An expression, or several with relations between them."""
        left = self.expression()
        while self.next.text in RELATIONS and (inside or self.next.spaced):
            if inside or self.tokens[self.at + 1 : self.at + 2]:
                sign = RELATIONS[self.take().text]
                if not inside and not self.next.spaced:
                    raise Unread  # training=False
                right = self.expression()
                left = Piece(f"{left.latex} {sign} {right.latex}", word=right.word)
                self.relations += not inside
        return left

    def expression(self) -> Piece:
        """Products with + or - between them."""
        lead = self.lead()
        left = self.product()
        while self.next.text in SUMS:
            hyphen = not self.next.spaced and left.word
            sign = SUMS[self.take().text]
            right = self.product()
            if hyphen and right.word:
                raise Unread  # one-hot
            left = Piece(f"{left.latex} {sign} {right.latex}", word=right.word)
        return Piece(f"{lead}{left.latex}", word=left.word) if lead else left

    def product(self, division: bool = True) -> Piece:
        """Factors with ·, / or a space between them."""
        left = self.factor()
        while True:
            text = self.next.text
            if text in PRODUCTS and not (text == "*" and self.next.first):
                self.at += 1
                right = self.factor()
                sign = PRODUCTS[text]
                left = Piece(f"{left.latex} {sign} {right.latex}", word=right.word)
            elif text == "/" and division:
                self.at += 1
                below = self.factor()
                left = Piece(over(left, below, self.flat > 0))
            elif self.beside(left):
                before = self.at
                try:
                    right = self.factor()
                except Unread:
                    self.at = before
                    return left
                one = FRACTION.fullmatch(left.bare) and right.latex.startswith(r"\sum")
                said = left.bare.strip() if one else left.latex  # (1/n) Σ
                left = Piece(f"{said} \\, {right.latex}", word=right.word)
            else:
                return left

    def beside(self, left: Piece) -> bool:
        """Whether what comes after a space is multiplied by what was before."""
        one, after = self.next, self.tokens[self.at + 1 : self.at + 2]
        if left.word or not one.spaced or not self.opens(one):
            return False
        if one.kind == "word" and not symbol(base(one.text)[0]):
            called = bool(after) and after[0].text == "(" and not after[0].spaced
            return base(one.text)[0] in FUNCTIONS or called
        prose = bool(after) and after[0].kind == "word" and after[0].spaced
        return not (one.text in "aAI" and prose and len(after[0].text) > 1)

    def opens(self, one: Token) -> bool:
        """Whether a unit begins so."""
        if one.kind in ("number", "accented", "word"):
            return True
        return one.kind == "sign" and (
            one.text in GREEK
            or one.text in FRACTIONS
            or one.text in ("Σ", "Π", "√", "(", "|", "‖", "⌊", "{", "...")
        )

    def factor(self) -> Piece:
        """Units without a space between them."""
        made = self.unit()
        while not self.next.spaced and self.opens(self.next):
            before = self.at
            try:
                made = Piece(f"{made.latex} {self.unit().latex}")
            except Unread:  # a bar that closes
                self.at = before
                break
        after = self.tokens[self.at + 1 : self.at + 2]
        tight = not self.next.spaced and after and not after[0].spaced
        if self.next.text == "/" and tight:
            self.at += 1  # dJ/dw
            made = Piece(over(made, self.factor(), self.flat > 0))
        return made

    def unit(self) -> Piece:
        """A number, a name, a call or brackets, with what is above and below."""
        one = self.take() if self.at < len(self.tokens) else self.next
        if one.text in ("Σ", "Π"):
            return self.large(one.text)
        if one.text == "{":
            return self.cases()
        if one.text == "√":
            return Piece(f"\\sqrt{{{self.unit().bare}}}")
        bracketed = one.text in BRACKETS or one.text == "["
        if bracketed:
            made = self.bracketed(one.text)
        elif one.kind == "number":
            made = Piece(self.number(one.text))
        elif one.kind == "word":
            made = self.name(one.text)
        else:
            made = Piece(letter(one))
        before = self.at
        latex = self.marks(made.latex)
        while self.next.text in ("(", "[") and not self.next.spaced:
            if bracketed or one.kind == "number":
                break  # a product
            latex += self.group(self.next.text, ")" if self.next.text == "(" else "]")
            latex = self.marks(latex)
        return made if self.at == before else Piece(latex)

    def large(self, sign: str) -> Piece:
        """A sum or a product over what stands behind it."""
        latex = self.marks(r"\sum" if sign == "Σ" else r"\prod")
        if sign == "Π" and not (self.next.spaced and self.opens(self.next)):
            return Piece(latex.replace(r"\prod", r"\Pi"))
        return Piece(f"{latex} {self.lead()}{self.product(division=False).latex}")

    def cases(self) -> Piece:
        """A value where something holds, else another: { a if x > 0, else b }."""
        value = self.expression().latex
        self.sign("if")
        holds = self.relation(inside=True).latex
        self.sign(",")
        self.sign("else")
        other = self.expression().latex
        self.sign("}")
        rows = f"{value} & \\text{{if }} {holds} \\\\ {other} & \\text{{else}}"
        return Piece(f"\\begin{{cases}} {rows} \\end{{cases}}")

    def lead(self) -> str:
        """The sign before a product, if there is one."""
        return f"{SUMS[self.take().text]} " if self.next.text in SUMS else ""

    def bracketed(self, opening: str) -> Piece:
        """What is in brackets."""
        self.at -= 1
        latex = self.group(opening, "]" if opening == "[" else BRACKETS[opening][1])
        if opening != "(":
            return Piece(latex)
        return Piece(latex, latex.removeprefix(r"\left(").removesuffix(r"\right)"))

    def number(self, text: str) -> str:
        """A number; or what is 1 where something holds, 1{a > b}."""
        if text == "1" and self.next.text == "{" and not self.next.spaced:
            return f"\\mathbb{{1}}{self.group('{', '}')}"
        mantissa, _, power = text.partition("e")
        if not power:
            return mantissa
        times = "" if mantissa == "1" else f"{mantissa} \\cdot "
        return f"{times}10^{{{power}}}"

    def name(self, text: str) -> Piece:
        """A name with its index; a function without brackets takes what follows."""
        name, index = base(text)
        word = not index and "_" not in name and not symbol(name)
        if index and self.shifted():
            index += self.take().text + self.take().text  # edge_i+1
        small = self.flat > 0 and len(name) < 4 and name not in FUNCTIONS
        latex = name if small else named(name)
        latex += f"_{{{index}}}" if index else ""
        if name not in FUNCTIONS:
            return Piece(latex, word=word)
        latex = self.marks(latex)
        if self.next.text == "(" and not self.next.spaced:
            return Piece(latex)
        return Piece(f"{latex} \\, {self.factor().latex}")

    def shifted(self) -> bool:
        """Whether + or - a number follows without a space."""
        coming = self.tokens[self.at : self.at + 2]
        return [(t.kind, t.spaced) for t in coming] == [
            ("sign", False), ("number", False)
        ] and coming[0].text in SUMS  # fmt: skip

    def group(self, opening: str, closing: str) -> str:
        """Brackets, and the list that they hold."""
        self.sign(opening)
        parts = [self.relation(inside=True).latex]
        while self.next.text in (",", "|", ";") and self.next.text != closing:
            between = self.take().text
            parts.append(r"\mid" if between == "|" else between)
            parts.append(self.relation(inside=True).latex)
        self.sign(closing)
        look = {"[": (r"\left[", r"\right]"), "{": (r"\{", r"\}")}
        first, last = look.get(opening) or BRACKETS[opening][::2]
        return f"{first} {' '.join(parts)} {last}"

    def marks(self, latex: str) -> str:
        """What stands below and above: indices, powers, primes."""
        below = above = ""
        while not self.next.spaced:
            one = self.next
            if one.kind == "below":
                below += "".join(BELOW[c] for c in self.take().text)
            elif one.kind == "above":
                above += "".join(ABOVE[c] for c in self.take().text)
            elif one.text == "'":
                self.at += 1
                if self.next.kind == "word" and not self.next.spaced:
                    raise Unread  # Pearson's
                above += r"\prime "
            elif one.text == "_":
                self.at += 1
                below += self.low()
            elif one.text == "^":
                self.at += 1
                above += self.low()
            else:
                break
        below = f"_{{{below}}}" if below else ""
        return latex + below + (f"^{{{above}}}" if above else "")

    def low(self) -> str:
        """What is written small: a unit, or all that is in brackets."""
        self.flat += 1
        if self.next.text in ("{", "["):
            opening = self.next.text
            made = self.group(opening, "}" if opening == "{" else "]")
            if opening == "{":
                made = made[2:-2].strip()
        else:
            made = self.lead() + self.unit().bare
        self.flat -= 1
        return made


def over(above: Piece, below: Piece, flat: bool) -> str:
    """A fraction: of two lines, or of one where it is written small."""
    if flat:
        return f"{above.latex} / {below.latex}"
    return f"\\frac{{{above.bare}}}{{{below.bare}}}"


def letter(one: Token) -> str:
    """A sign that stands for itself: α, ŷ, ½, ..."""
    if one.kind == "accented":
        plain, hat = unicodedata.normalize("NFD", one.text)
        return f"{HATS[hat]}{{{plain}}}"
    if one.text == "...":
        return r"\ldots"
    if one.text in GREEK or one.text in FRACTIONS:
        return GREEK.get(one.text) or FRACTIONS[one.text]
    raise Unread


def base(word: str) -> tuple[str, str]:
    """A name and its index: x_ij, edge_i; negative_slope has none.

    >>> base("x_ij"), base("edge_i"), base("negative_slope")
    (('x', 'ij'), ('edge', 'i'), ('negative_slope', ''))
    """
    name, _, index = word.partition("_")
    short = len(name) == 1 or name in FUNCTIONS
    if index and "_" not in index and len(index) <= (3 if short else 1):
        return name, index
    return word, ""


def symbol(name: str) -> bool:
    """Whether a name is a letter, or letters such as TP: no word of a sentence."""
    return len(name) == 1 or (len(name) < 4 and name.isupper())


def named(name: str) -> str:
    """A name as LaTeX: upright, but for single letters and differentials."""
    if len(name) == 1:
        return name
    if name in FUNCTIONS:
        return f"\\{name}"
    if len(name) == 2 and name[0] == "d":
        return f"d {name[1]}"
    return f"\\mathrm{{{name.replace('_', chr(92) + '_')}}}"


def formulas(text: str) -> list[tuple[int, int, str]]:
    """Where the formulas of a text are, and each as LaTeX.

    >>> formulas("Scales: y = x², for each.")
    [(8, 14, 'y = x^{2}')]
    """
    found, parts, at = [], tokens(text), 0
    while at < len(parts):
        made = one(text, parts, at)
        if made is None:
            at += 1
        else:
            latex, last = made
            found.append((parts[at].start, parts[last].end, latex))
            at = last + 1
    return found


def one(text: str, parts: list[Token], at: int) -> tuple[str, int] | None:
    """The formula that begins at a token, and its last token."""
    before = parts[at - 1].text if at else ""
    if at and before == "*" and parts[at - 1].first:
        before = ""  # of a list
    opened = parts[at].spaced or before == "("
    if not opened or before in {*RELATIONS, *SUMS, *PRODUCTS, "/", "Σ", "√"}:
        return None
    reader = Reader(parts, at)
    try:
        made = reader.relation()
    except Unread:
        return None
    after = reader.next
    if after.kind != "end":
        word = after.spaced and (after.kind == "word" or after.text in '(`"')
        if not word and after.text not in ENDS:
            return None
        if made.word and after.kind == "word" and after.text not in JOINS:
            return None  # x = places of the words
    if reader.relations == 0:
        whole = OPENING.search(text[: parts[at].start])
        said = text[parts[at].start : parts[reader.at - 1].end]
        ended = after.kind == "end" or after.text in ".,:;"
        if not (whole and ended and STRONG.search(said)):
            return None
    return displayed(made.latex), reader.at - 1


def displayed(latex: str) -> str:
    r"""A formula whose fractions are as large as its letters, but those inside them.

    >>> displayed(r"\frac{a}{\frac{b}{c}}")
    '\\dfrac{a}{\\frac{b}{c}}'
    """
    depth, made = 0, []
    for part in re.split(r"(\\frac|\\?[{}])", latex):
        depth += (part == "{") - (part == "}")
        made.append(r"\dfrac" if part == r"\frac" and depth == 0 else part)
    return "".join(made)


CODE = re.compile(r"(`+[^`]*`+|::\n(?:\n| +.*(?:\n|$))*)")
SECTION = re.compile(r"^ *(>>> |[A-Z][a-z]+:\s*$)", re.M)
"""Where a docstring's sentences end: arguments, or an example."""


def typeset(text: str) -> str:
    """A docstring with the formulas of its sentences as roles of reStructuredText.

    >>> typeset("Scales: y = x², of `x = 1`.")
    'Scales: :math:`y = x^{2}`, of `x = 1`.'
    """
    section = SECTION.search(text)
    end = section.start() if section else len(text)
    parts = CODE.split(text[:end])
    for number in range(0, len(parts), 2):
        part = parts[number]
        for begin, last, latex in reversed(formulas(part)):
            if written(latex):
                part = f"{part[:begin]}:math:`{latex}`{part[last:]}"
        parts[number] = part
    return "".join(parts) + text[end:]


def written(latex: str) -> bool:
    """Whether MathML can be made of it."""
    try:
        mathml.written(latex, "inline")
    except ValueError:
        return False
    return True
