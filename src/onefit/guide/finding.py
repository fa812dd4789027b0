"""What the guide says: findings, and reports of them."""

import dataclasses
import html
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias, overload

from onefit.config import language
from onefit.errors import OnefitWarning, invalid
from onefit.guide.codes import CODES
from onefit.guide.korean import KOREAN
from onefit.guide.korean_sentences import in_korean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from onefit.guide.program import Program
    from onefit.guide.remedies import Remedy
    from onefit.training.compiled import Compiled

__all__ = ["Finding", "Report", "Severity", "TrainingWarning"]

WIDTH = 88
PAGE = "docs/findings/{code}.md"


Severity: TypeAlias = Literal["error", "hint"]


class TrainingWarning(OnefitWarning):
    """A network that is built, or trains, so that it will not learn what is asked."""

    finding: "Finding"


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that keeps a network from learning, or may.

    Attributes:
        code: Which finding; the keys of `onefit.guide.CODES`, a page of the docs each.
        severity: 'error' for what cannot be meant or will not learn, 'hint' for what
            may hurt.
        layer: The name of the layer it concerns, None where that is none.
        seen: What was seen, with its numbers.
        why: Why that matters.
        instead: What to write instead, in words.
        evidence: The curves that show it: a name and its numbers each.
        columns: The columns of x that it concerns.
        program: The model, rows and settings it was found in, where they are known.
        remedies: What to change, the likeliest first: each has a `name`, and `apply`, a
            function from a program to a program.

    Example:
        >>> finding = Finding("linear-stack", "hint", "dense",
        ...     seen="'dense' and 'dense_1' follow each other without an activation",
        ...     why="two linear layers are one: w2 (w1 x + b1) + b2 = w x + b",
        ...     instead="write Dense(25, activation='relu')")
        >>> print(finding)
        hint: linear-stack, layer 'dense'
          'dense' and 'dense_1' follow each other without an activation.
          Why: two linear layers are one: w2 (w1 x + b1) + b2 = w x + b.
          Fix: write Dense(25, activation='relu').
    """

    code: str
    severity: Severity
    layer: str | None = None
    seen: str = ""
    why: str = ""
    instead: str = ""
    evidence: Mapping[str, Any] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )
    columns: tuple[int, ...] = ()
    program: "Program | None" = dataclasses.field(
        default=None, compare=False, repr=False
    )
    remedies: "Sequence[Remedy]" = dataclasses.field(
        default=(), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        assert self.code in CODES, f"{self.code} stands in no list"
        assert self.severity in ("error", "hint")

    @property
    def title(self) -> str:
        """The finding in one line, in the language of `config.set_language`."""
        return KOREAN[self.code][0] if language() == "ko" else CODES[self.code]

    @property
    def page(self) -> str:
        """The page of the docs about it."""
        return PAGE.format(code=self.code)

    @property
    def parts(self) -> list[tuple[str, str]]:
        """What was seen, why it matters, what to write: names and texts.

        In the language of `config.set_language`; empty parts are left out.
        """
        if language() == "ko":
            return self._in_korean()
        named = [("", self.seen), ("Why", self.why), ("Fix", self.instead)]
        return [(name, text) for name, text in named if text]

    def _in_korean(self) -> list[tuple[str, str]]:
        """The same in Korean; what a program of the user's says stays as it is."""
        title, why, instead = KOREAN[self.code]
        fix = self.instead and in_korean(self.instead)
        named = [("", title), ("본 것", in_korean(self.seen) or self.seen)]
        named += [("까닭", why), ("고치기", fix or instead)]
        named += [("쓸 것", "" if fix else self.instead)]
        return [(name, text) for name, text in named if text]

    @property
    def head(self) -> str:
        """Its severity, its code and its layer, in one line."""
        if language() == "ko":
            kind = {"error": "오류", "hint": "참고"}[self.severity]
            return f"{kind}: {self.code}" + (f", 층 {self.layer!r}" * bool(self.layer))
        where = f", layer {self.layer!r}" if self.layer else ""
        return f"{self.severity}: {self.code}{where}"

    def __str__(self) -> str:
        lines = [
            _filled(_ended(f"{name}: {text}" if name else text))
            for name, text in self.parts
        ]
        return "\n".join([self.head, *lines])

    def fixed(self) -> "Program":
        """The program with the first remedy that can be applied to it.

        Raises:
            ValueError: A finding without a remedy, or whose program is not known.
        """
        if self.program is None:
            raise invalid(
                f"the finding {self.code!r}",
                "fix() of a finding whose model and rows are not known",
                "one of model.check(x, y) or of history.diagnose()",
                "call model.check(x, y)[0].fix()",
            )
        reasons, same = [], None
        for remedy in self.remedies:
            try:
                mended = remedy.apply(self.program)
            except (ValueError, TypeError, AssertionError) as error:
                reasons.append(f"{remedy.name}: {error}")
                continue
            if mended.code != self.program.code:
                return mended
            same = same or mended  # new weights are the remedy of those set by hand
        if same is not None:
            return same
        raise invalid(
            f"the finding {self.code!r}",
            "; ".join(reasons) or "a finding about the rows, which no setting mends",
            "a remedy that fits this model",
            self.instead,
        )

    def fix(self) -> "Compiled":
        """The model with the fault mended: compiled, with new weights, not trained.

        The model in which it was found is left as it is. What is to be changed about
        the rows or about `fit` stands in `lines`.

        Raises:
            ValueError: A finding without a remedy, or whose program is not known.

        Example:
            >>> from onefit.layers import Dense
            >>> model = onefit.Sequential([onefit.Input((2,)), Dense(1)])
            >>> model.compile("sgd", "binary_crossentropy")
            >>> finding = model.check()[0]
            >>> print(finding.lines)
                layers.Dense(1, activation='sigmoid'),
            >>> finding.fix().check().codes
            []
        """
        return self.fixed().model

    @property
    def lines(self) -> str:
        """The lines to write: those of the mended program that the other has not."""
        fixed = self.fixed()
        assert self.program is not None
        return fixed.against(self.program) or f"# {self.instead}"

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws the curves that show it; returns the matplotlib Axes."""
        from onefit import plots

        return plots.finding(self, ax)


class Report(Sequence[Finding]):
    """The findings of a check or a diagnosis, errors first.

    Attributes:
        subject: What was looked at.
        findings: What was found.
    """

    def __init__(self, findings: Iterable[Finding], subject: str = "") -> None:
        order = {"error": 0, "hint": 1}
        self.findings = sorted(findings, key=lambda f: order[f.severity])
        self.subject = subject

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Finding: ...

    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Finding | list[Finding]:
        return self.findings[index]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def codes(self) -> list[str]:
        """The findings' codes, in order, each once."""
        return list(dict.fromkeys(finding.code for finding in self))

    @property
    def errors(self) -> list[Finding]:
        """What cannot be meant, or will not learn."""
        return [f for f in self if f.severity == "error"]

    @property
    def hints(self) -> list[Finding]:
        """What may hurt."""
        return [f for f in self if f.severity == "hint"]

    def __str__(self) -> str:
        head = f"{self.subject}: " if self.subject else ""
        if not self.findings:
            none = "찾은 것이 없습니다" if language() == "ko" else "nothing found"
            return f"{head}{none}."
        counts = [_counted(self.errors, "error"), _counted(self.hints, "hint")]
        summary = ", ".join(filter(None, counts))
        return "\n\n".join([f"{head}{summary}", *map(str, self.findings)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The report for a notebook."""
        rows = "".join(_as_html(finding) for finding in self)
        title = html.escape(str(self).split("\n", 1)[0])
        return f"<div><p><b>{title}</b></p>{rows}</div>"


def _counted(findings: list[Finding], noun: str) -> str:
    n = len(findings)
    if language() == "ko" and n:
        return f"{ {'error': '오류', 'hint': '참고'}[noun] } {n}개"
    return f"{n} {noun}{'s' if n > 1 else ''}" if n else ""


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _filled(text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _as_html(finding: Finding) -> str:
    color = {"error": "#D55E00", "hint": "#0072B2"}[finding.severity]
    parts = "".join(
        f"<br>{f'<i>{name}:</i> ' if name else ''}{html.escape(_ended(text))}"
        for name, text in finding.parts
    )
    return (
        f'<p style="border-left:4px solid {color};padding-left:8px">'
        f"<b>{html.escape(finding.head)}</b>{parts}</p>"
    )
