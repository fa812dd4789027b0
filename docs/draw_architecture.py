"""Draws the two pictures of docs/architecture.md from the source: rooms, a batch's way.

    python docs/draw_architecture.py

It reads the files of src/onefit and imports none of them: names, what docstrings say
first, imports and lines of code. The same source gives the same pictures, as SVG.
"""

import ast
import functools
import textwrap
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "onefit"
PICTURES = ROOT / "docs" / "pictures"

# The way of a batch: who calls whom, one step deeper for what is called. A name that
# does not exist, or that its caller does not mention, is an error.
WAY: dict[str, list[tuple[int, str]]] = {
    "before the program: Python checks and converts": [
        (0, "models.model.Model.fit"),
        (1, "training.prepare.build_job"),
        (2, "training.prepare._rows_to_train"),
        (3, "training.prepare.read_rows"),
        (4, "data.rows.as_batch"),
        (2, "training.prepare.task_of"),
        (3, "training.compiled.Compiled.task"),
        (2, "training.targets.fit_targets"),
        (1, "guide.watch.begin"),
    ],
    "around the program: Python, once for each stretch of epochs": [
        (1, "training.loop.fit"),
        (2, "training.loop._epochs"),
        (3, "training.stretches.Whole"),
        (4, "training.state.State.order"),
        (4, "training.state.State.run"),
    ],
    "inside the program: compiled once, no Python": [
        (5, "training.program.run"),
        (6, "training.program.epoch"),
        (7, "training.program.step"),
        (8, "training.task.Task.step"),
        (9, "training.task.Task.gradients"),
        (10, "training.task.Task.cost"),
        (11, "networks.graph.Graph.forward"),
        (12, "layers.tapping.Tap.call"),
        (13, "layers.base.Layer.forward"),
        (14, "layers.base.Layer.apply"),
        (11, "losses.base.Loss.cost"),
        (9, "optimizers.base.Optimizer.update"),
        (9, "training.task.Task.count"),
        (6, "training.program.close"),
        (6, "training.program.finish"),
    ],
    "back in Python: logs to the history, weights to the layers": [
        (2, "training.history.History.extend"),
        (2, "training.state.State.write"),
        (3, "networks.architecture.Architecture.store"),
    ],
}


MOST = 6
"""Rooms beside each other in the picture."""


# Reading the source -------------------------------------------------------------------


class Room(NamedTuple):
    """A package or a file directly under src/onefit.

    Attributes:
        name: Its name; that of `import onefit` is "onefit".
        about: The first paragraph of its docstring.
        lines: Lines of code, without docstrings, comments and blanks.
        uses: The rooms it imports, also inside functions; not for type checkers alone.
    """

    name: str
    about: str
    lines: int
    uses: frozenset[str]


@functools.cache
def parse(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text("utf-8"))


def about(node: ast.AST) -> str:
    """The first paragraph of a docstring, on one line."""
    assert isinstance(
        node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    )
    text = ast.get_docstring(node) or ""
    return " ".join(text.split("\n\n")[0].replace("`", "").split())


def statements(tree: ast.AST, run_time: bool = False) -> Iterator[ast.AST]:
    """All statements of a file; if so wanted not those for type checkers alone."""
    rest = [tree]
    while rest:
        node = rest.pop()
        test = getattr(getattr(node, "test", None), "id", None)
        if run_time and isinstance(node, ast.If) and test == "TYPE_CHECKING":
            continue
        yield node
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.stmt | ast.excepthandler | ast.match_case):
                rest.append(inner)


def imported(tree: ast.Module) -> Iterator[list[str]]:
    """The dotted names that a file imports, in parts."""
    for node in statements(tree, run_time=True):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield [*(node.module or "").split("."), alias.name]


def code_lines(file: Path) -> int:
    """How many lines of a file are no docstring, no comment and not blank."""
    texts = {
        number
        for node in statements(parse(file))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(file.read_text("utf-8").splitlines(), 1)
    return sum(
        number not in texts and bool(line.strip()) and line.strip()[0] != "#"
        for number, line in lines
    )


def name_of(file: Path) -> str:
    """The room that a file is in."""
    name = file.relative_to(SOURCE).parts[0].removesuffix(".py")
    return "onefit" if name == "__init__" else name


def rooms() -> dict[str, Room]:
    """All rooms, by name."""
    files = sorted(SOURCE.rglob("*.py"))
    names = {name_of(file) for file in files}
    found = {}
    for name in sorted(names):
        own = [file for file in files if name_of(file) == name]
        used = {
            parts[1] if len(parts) > 1 and parts[1] in names else "onefit"
            for file in own
            for parts in imported(parse(file))
            if parts[0] == "onefit"
        }
        first = next(file for file in own if file.stem in ("__init__", name))
        lines = sum(map(code_lines, own))
        found[name] = Room(name, about(parse(first)), lines, frozenset(used - {name}))
    return found


def floors(found: dict[str, Room]) -> list[list[Room]]:
    """The rooms by floor, the ground floor first: each stands on floors below it.

    Raises:
        ValueError: Rooms that import each other.
    """
    stories: list[list[Room]] = []
    built: set[str] = set()
    while len(built) < len(found):
        story = [r for r in found.values() if r.name not in built and r.uses <= built]
        if not story:
            raise ValueError(f"these import each other: {sorted(set(found) - built)}")
        stories.append(story)
        built |= {room.name for room in story}
    return stories


def in_body(node: ast.AST) -> list[ast.stmt]:
    """The statements of a body, those that stand under a condition among them."""
    found = []
    for one in getattr(node, "body", []):
        found += [*one.body, *one.orelse] if isinstance(one, ast.If) else [one]
    return found


def definition(place: str) -> ast.AST:
    """The function or class of a dotted name under onefit.

    Raises:
        ValueError: There is none.
    """
    parts = place.split(".")
    files = [(SOURCE.joinpath(*parts[:i]).with_suffix(".py"), i) for i in (1, 2)]
    found = [(file, at) for file, at in files if file.exists()]
    if not found:
        raise ValueError(f"no file for onefit.{place}")
    file, at = found[0]
    node: ast.AST = parse(file)
    for part in parts[at:]:
        inside = [n for n in in_body(node) if getattr(n, "name", 0) == part]
        if not inside:
            raise ValueError(f"no {part!r} in {file.name} for onefit.{place}")
        node = inside[-1]
    return node


def mentions(caller: ast.AST, name: str) -> bool:
    """Whether a name occurs in the code of a function or a class."""
    return any(
        name in (getattr(n, "id", 0), getattr(n, "attr", 0), getattr(n, "value", 0))
        for n in ast.walk(caller)
        if isinstance(n, ast.Name | ast.Attribute | ast.Constant)
    )


# Drawing ------------------------------------------------------------------------------

WIDTH = 960
EM = 0.6
"""The width of a letter, in sizes of its font; few fonts have wider ones."""

STYLE = """
text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
.name { font-family: ui-monospace, Menlo, Consolas, monospace; font-weight: 600 }
.page { fill: #ffffff; stroke: #8c959f }
.frame { fill: #f2f4f7; stroke: none }
.inside { fill: #fff3d6; stroke: none }
.box { fill: #dceafc; stroke: #4a7ab5 }
.line { fill: none; stroke: #6e7781; stroke-width: 1.3 }
.aside { fill: #57606a }
"""


def rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    """A rectangle with round corners."""
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" '
        f'height="{height:g}" rx="5"/>'
    )


def line_of(
    kind: str, x: float, y: float, size: int, text: str, anchor: str = "start"
) -> str:
    """A line of text."""
    return (
        f'<text class="{kind}" x="{x:g}" y="{y:g}" font-size="{size}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def picture(title: str, height: float, parts: list[str]) -> str:
    """The whole picture, on a page of its own colour."""
    page = rectangle("page", 0.5, 0.5, WIDTH - 1, height - 1)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'role="img" aria-label="{escape(title)}">'
    )
    lines = [head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>"]
    return "\n".join([*lines, page, *parts, "</svg>", ""])


def side_by_side(floor: list[Room]) -> list[list[Room]]:
    """The rooms of a floor in rows, so that what is in each can be read."""
    count = -(-len(floor) // MOST)
    size = -(-len(floor) // count)
    return [floor[i : i + size] for i in range(0, len(floor), size)]


def draw_rooms() -> str:
    """The rooms of the library, floor upon floor."""
    left, gap, y, parts = 44, 10, 16.0, []
    rows = [part for floor in reversed(floors(rooms())) for part in side_by_side(floor)]
    for story in rows:
        width = (WIDTH - left - 16 - gap * (len(story) - 1)) / len(story)
        letters = int((width - 20) / (11 * EM))
        texts = [textwrap.wrap(room.about, letters) for room in story]
        height = 30 + 15 * max(map(len, texts))
        for i, (room, text) in enumerate(zip(story, texts, strict=True)):
            x = left + i * (width + gap)
            parts.append(rectangle("box", x, y, width, height))
            parts.append(line_of("name", x + 10, y + 18, 13, room.name))
            count = f"{room.lines:,}"
            parts.append(
                line_of("aside lines", x + width - 10, y + 18, 11, count, "end")
            )
            for row, words in enumerate(text):
                parts.append(line_of("about", x + 10, y + 35 + 15 * row, 11, words))
        y += height + gap
    arrow = f"M 22 20 V {y - 18:g} m -6 -9 l 6 9 l 6 -9"
    parts.append(f'<path class="line" d="{arrow}"/>')
    note = "Each room imports only rooms on floors below it. The number: lines of code."
    parts.append(line_of("aside", left, y + 12, 12, note))
    return picture("The rooms of onefit: imports run down", y + 28, parts)


def draw_batch() -> str:
    """The way of a batch: each function below the one that calls it."""
    step, height, gap, y = 18, 40, 8, 14.0
    frames, lines, boxes = [], [], []
    callers: list[tuple[ast.AST, float, float]] = []
    for title, calls in WAY.items():
        kind = "inside" if title.startswith("inside") else "frame"
        tall = 28 + len(calls) * (height + gap)
        frames.append(rectangle(kind, 14, y, WIDTH - 28, tall))
        frames.append(line_of("aside", WIDTH - 24, y + 18, 12, title, "end"))
        y += 28
        for depth, place in calls:
            node, x = definition(place), 26 + depth * step
            del callers[depth:]
            if callers:
                caller, above, bottom = callers[-1]
                if not mentions(caller, place.rpartition(".")[2]):
                    raise ValueError(f"onefit.{place} is not called by the one above")
                path = f"M {above + 8:g} {bottom:g} V {y + height / 2:g} H {x:g}"
                lines.append(f'<path class="line" d="{path}"/>')
            callers.append((node, x, y + height))
            boxes.append(rectangle("box", x, y, WIDTH - 26 - x, height))
            boxes.append(line_of("name", x + 10, y + 17, 13, place))
            boxes.append(line_of("about", x + 10, y + 33, 12, about(node)))
            y += height + gap
        y += 10
    title = "The way of a batch, from model.fit(x, y) to new weights"
    return picture(title, y + 4, [*frames, *lines, *boxes])


DRAWN = {"rooms.svg": draw_rooms, "batch.svg": draw_batch}

if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name, draw in DRAWN.items():
        (PICTURES / name).write_text(draw(), "utf-8")
