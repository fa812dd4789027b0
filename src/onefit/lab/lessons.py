"""Lessons: pages in Markdown beside the live network, with questions that are checked.

A lesson is a file:

    # XOR by training | XOR를 학습으로
    design: {"data": "xor", "layers": []}
    hide: noise, optimizer
    view: {"speed": 100}

    <!-- en -->
    Text in Markdown: paragraphs, lists, **bold**, `code`.

    ```question
    How many hidden units does it need at least?
    [ ] one
    [x] two
    ```

    <!-- ko -->
    ...

Below the title, in the first language and after the bar in Korean, stand the design
that it begins with, the controls that it hides, and how it is looked at. A question has
its answers, `[x]` for the right ones; or a number, `= 0.5 ± 0.01`; or what the network
is to reach, `lab: loss < 0.05, units <= 3`, with the logs, epoch, units and layers.
"""

import dataclasses
import functools
import json
import operator
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onefit.errors import invalid
from onefit.types import Config

__all__ = ["Lesson", "Question", "add", "judge", "lessons", "read"]

BLOCK = re.compile(r"^```question\n(.*?)^```[ \t]*$", re.M | re.S)
LANGUAGE = re.compile(r"^<!-- (en|ko) -->[ \t]*$", re.M)
NUMBER = re.compile(r"^= (\S+)(?: ± (\S+))?$")
GOAL = re.compile(r"^(\w+) (<=|>=|<|>) (\S+)$")
COMPARED = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

ORDER = (
    "neuron", "activations", "xor", "softmax", "coffee", "digits", "vanishing",
    "optimizers", "overfitting", "piecewise",
)  # fmt: skip
"""The lessons that come with the library, as the lectures have them."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question whose answer is checked.

    Attributes:
        text: The question.
        answers: What one may choose, and whether it is right; () for other kinds.
        number, within: The number that is asked for, and how near it has to be.
        goals: What the network is to reach, (what, sign, number).
    """

    text: str
    answers: tuple[tuple[str, bool], ...] = ()
    number: float | None = None
    within: float = 0.0
    goals: tuple[tuple[str, str, float], ...] = ()

    @property
    def kind(self) -> str:
        """'choice', 'number' or 'lab'."""
        return "choice" if self.answers else "lab" if self.goals else "number"


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        name: Its file's, without the ending.
        title: By language.
        design: What it begins with.
        hide: Controls that the page does not show.
        view: How it is looked at: speed, example.
        text: By language; {question} stands for the next question.
        questions: By their order.
        spoken: The questions' texts and answers in other languages.
    """

    name: str
    title: Mapping[str, str]
    design: Config
    hide: tuple[str, ...]
    view: Config
    text: Mapping[str, str]
    questions: tuple[Question, ...]
    spoken: Mapping[str, tuple[Question, ...]]

    def told(self) -> Config:
        """The lesson as the page has it: without what is right."""

        def asked(question: Question) -> Config:
            answers = [text for text, _ in question.answers]
            return {"kind": question.kind, "text": question.text, "answers": answers}

        return {
            "name": self.name,
            "title": dict(self.title),
            "hide": list(self.hide),
            "text": dict(self.text),
            "questions": {
                language: [asked(one) for one in questions]
                for language, questions in self.spoken.items()
            },
        }


def read(text: str, name: str = "lesson") -> Lesson:
    """A lesson of a file's text.

    Raises:
        ValueError: What is missing or cannot be meant, and where.

    >>> lesson = read('''# One neuron
    ... design: {"data": "gauss", "layers": []}
    ...
    ... <!-- en -->
    ... What is σ(0)?
    ...
    ... ```question
    ... Say it.
    ... = 0.5 ± 0.01
    ... ```
    ... ''')
    >>> judge(lesson.questions[0], 0.5, {}), judge(lesson.questions[0], 1, {})
    (True, False)
    """
    where = f"lesson {name!r}"
    head, *parts = LANGUAGE.split(text)
    first, *lines = head.strip().split("\n")
    if not first.startswith("# ") or not parts:
        raise invalid(
            where, repr(first[:40]), "'# Title', then settings, then <!-- en -->"
        )
    titles = [part.strip() for part in first[2:].split("|")]
    settings: dict[str, str] = {}
    for line in filter(str.strip, lines):
        key, colon, value = line.partition(":")
        if key not in ("design", "hide", "view") or not colon:
            raise invalid(where, repr(line[:40]), "design:, hide: or view:")
        settings[key] = value.strip()
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    spoken = {
        language: tuple(_question(where, block) for block in BLOCK.findall(part))
        for language, part in texts.items()
    }
    questions = next(iter(spoken.values()))
    for language, others in spoken.items():
        if [one.kind for one in others] != [one.kind for one in questions]:
            raise invalid(where, f"other questions in {language}", "the same ones")
    try:
        design = json.loads(settings.get("design", "{}"))
        view = json.loads(settings.get("view", "{}"))
    except ValueError as error:
        raise invalid(where, f"no JSON ({error})", "objects of settings") from None
    from onefit.lab.design import Design

    Design.read(design)
    return Lesson(
        name,
        dict(zip(("en", "ko"), titles, strict=False)),
        design,
        tuple(part.strip() for part in settings.get("hide", "").split(",") if part),
        view,
        {
            language: BLOCK.sub("{question}", part).strip()
            for language, part in texts.items()
        },
        questions,
        spoken,
    )


def _question(where: str, block: str) -> Question:
    """A question of its lines."""
    asked, answers, goals = [], [], []
    number, within = None, 0.0
    for line in block.strip().split("\n"):
        if line.startswith(("[ ] ", "[x] ")):
            answers.append((line[4:], line[1] == "x"))
        elif found := NUMBER.match(line):
            number, within = float(found[1]), float(found[2] or 1e-9)
        elif line.startswith("lab: "):
            for goal in line[5:].split(","):
                parts = GOAL.match(goal.strip())
                if parts is None:
                    raise invalid(where, repr(goal), "a goal as 'loss < 0.05'")
                goals.append((parts[1], parts[2], float(parts[3])))
        else:
            asked.append(line)
    kinds = bool(answers) + bool(goals) + (number is not None)
    if kinds != 1 or (answers and not any(right for _, right in answers)):
        raise invalid(
            where,
            f"the question {' '.join(asked)[:40]!r}",
            "one of: answers with [x], a number after '= ', goals after 'lab: '",
        )
    return Question("\n".join(asked), tuple(answers), number, within, tuple(goals))


def judge(question: Question, value: Any, facts: Mapping[str, float]) -> bool:
    """Whether an answer is right.

    Args:
        question: What was asked.
        value: The number of the answer chosen; or the number; of a goal nothing.
        facts: The network's logs, its epoch, units and layers.
    """
    if question.goals:
        return all(
            name in facts and COMPARED[sign](facts[name], number)
            for name, sign, number in question.goals
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if question.answers:
        chosen = int(value)
        return 0 <= chosen < len(question.answers) and question.answers[chosen][1]
    assert question.number is not None
    return abs(value - question.number) <= question.within


@functools.cache
def _shipped() -> dict[str, Lesson]:
    folder = Path(__file__).parent / "lessons"
    found = {
        file.stem: read(file.read_text("utf-8"), file.stem)
        for file in folder.glob("*.md")
    }
    return {name: found[name] for name in ORDER if name in found}


_own: dict[str, Lesson] = {}


def lessons() -> dict[str, Lesson]:
    """The lessons by name: those of the library, and those that were added."""
    return _shipped() | _own


def add(path: str | os.PathLike) -> str:
    """Adds a teacher's lesson, a file; returns its name.

    Raises:
        ValueError: A file that is no lesson.
    """
    file = Path(path)
    _own[file.stem] = read(file.read_text("utf-8"), file.stem)
    return file.stem
