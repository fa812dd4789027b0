"""The reference: a page for each family of public names, made from their docstrings."""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from staging import put

import onefit

ABOVE = ("onefit.sklearn", "onefit.wrappers", "onefit.serving", "onefit.scripts")
ABOVE += ("onefit.lab",)
"""Rooms that `import onefit` does not show."""

INTRODUCTION = """\
Every public name, with the formula, the shapes and an example that the tests run. There
are {names} names for {things} things: what has several names is described under one of
them. What differs from Keras on purpose says so."""

MOST = 40
"""Names that a page may have before it is divided by files."""


def shown(module: ModuleType) -> list[str]:
    """The public names of a room."""
    names = getattr(module, "__all__", None) or dir(module)
    return sorted(n for n in names if not n.startswith("_") and n != "TYPE_CHECKING")


def rooms() -> Iterator[ModuleType]:
    """The rooms with public names, each once, and those inside them."""
    waiting: list[ModuleType] = [onefit, *map(importlib.import_module, ABOVE)]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop(0)
        if module.__name__ in seen or not module.__name__.startswith("onefit"):
            continue
        seen.add(module.__name__)
        yield module
        inside = (getattr(module, name) for name in shown(module))
        waiting += [one for one in inside if inspect.ismodule(one)]


def things(module: ModuleType) -> dict[str, object]:
    """What a room shows, by name, without the rooms inside it."""
    found = {name: getattr(module, name) for name in shown(module)}
    return {n: thing for n, thing in found.items() if not inspect.ismodule(thing)}


def undocumented() -> list[str]:
    """Public classes and functions without a docstring of their own."""
    return sorted(
        f"{module.__name__}.{name}"
        for module in rooms()
        for name, thing in things(module).items()
        if (inspect.isclass(thing) or inspect.isroutine(thing))
        and not (thing.__doc__ or "").strip()
    )


@dataclass
class Entry:
    """One class, function or value with all the names it has."""

    thing: object
    names: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Where it is documented: in its own room, as it calls itself."""
        home = getattr(self.thing, "__module__", "")
        own = getattr(self.thing, "__name__", "")

        def rank(name: str) -> tuple[bool, int, bool]:
            room, _, last = name.rpartition(".")
            inside = f"{home}.".startswith(f"{room}.")
            return not inside, -len(room) if inside else 0, last != own

        return min(self.names, key=rank)

    @property
    def room(self) -> str:
        """The room of that name."""
        return self.name.rpartition(".")[0]

    @property
    def directive(self) -> list[str]:
        """What Sphinx is told."""
        if inspect.isclass(self.thing):
            return [f".. autoclass:: {self.name}", "   :members:", ""]
        home = getattr(self.thing, "__module__", None) or ""
        if callable(self.thing) and home.startswith("onefit"):
            return [f".. autofunction:: {self.name}", ""]
        lines = [f".. py:data:: {self.name}", ""]
        doc = attribute_doc(self.thing, self.name)
        return [*lines, *(f"   {line}" for line in doc.splitlines()), ""]


def attribute_doc(thing: object, name: str) -> str:
    """The text below a value in its file, or what the value is."""
    room, _, last = name.rpartition(".")
    for module in [m for m in sys.modules if m.startswith(room)]:
        file = getattr(sys.modules[module], "__file__", None)
        text = Path(file).read_text("utf-8") if file else ""
        found = re.search(
            rf'^{last}\b[^\n]*=(?:(?!^\w).)*?^"""(.*?)"""', text, re.M | re.S
        )
        if found:
            return found[1]
    value = str(thing).replace("typing.", "")
    return f"``{value}``" if len(value) < 300 else f"A {type(thing).__name__}."


def entries() -> list[Entry]:
    """All that is public, each thing once."""
    found: dict[object, Entry] = {}
    for module in rooms():
        for name, thing in things(module).items():
            code = inspect.isclass(thing) or inspect.isroutine(thing)
            key = id(thing) if code else f"{module.__name__}.{name}"
            entry = found.setdefault(key, Entry(thing))
            entry.names.append(f"{module.__name__}.{name}")
    return list(found.values())


def divided(own: list[Entry]) -> dict[str, list[Entry]]:
    """The things of a room by page: all on one, or by file, or by letters."""
    if len(own) <= MOST:
        return {"": own}
    files: dict[str, list[Entry]] = {}
    for entry in own:
        home = getattr(entry.thing, "__module__", "").rpartition(".")[2]
        files.setdefault(home, []).append(entry)
    if len(files) > 1:
        return files
    parts = [own[i : i + MOST] for i in range(0, len(own), MOST)]
    letters = [(p[0].name, p[-1].name) for p in parts]
    return {
        "-".join(n.rpartition(".")[2] for n in ends): part
        for ends, part in zip(letters, parts, strict=True)
    }


def headed(text: str, line: str = "=") -> list[str]:
    """A heading in reStructuredText."""
    return [text, line * len(text), ""]


def page(title: str, about: str, own: list[Entry]) -> str:
    """A page of things, each with its other names."""
    lines = [*headed(title), about, ""]
    for entry in own:
        lines += entry.directive
        others = [f"``{n}``" for n in entry.names if n != entry.name]
        if others:
            lines += [f".. rst-class:: also\n\nAlso {', '.join(others)}.", ""]
    return "\n".join(lines)


def write(folder: Path) -> int:
    """Writes the pages; gives how many names they document.

    Raises:
        ValueError: A public name has no docstring.
    """
    lacking = undocumented()
    if lacking:
        raise ValueError(f"public names without a docstring: {', '.join(lacking)}")
    everything = entries()
    rows = []
    for module in rooms():
        room = module.__name__
        own = sorted((e for e in everything if e.room == room), key=lambda e: e.name)
        about = (module.__doc__ or "").strip().partition("\n")[0]
        if not own:
            continue
        parts = divided(own)
        for part, inside in parts.items():
            name = f"{room}.{part}" if part else room
            title = f"{room}: {part}" if part else room
            put(folder / f"{name}.rst", page(title, about, inside))
            rows.append((name, inside))
    lines = [*headed("Reference"), INTRODUCTION, "", ".. toctree::", "   :hidden:", ""]
    lines += [f"   {name}" for name, _ in rows]
    lines += ["", ".. list-table::", "   :widths: 30 70", ""]
    for name, inside in rows:
        names = ", ".join(f":py:obj:`~{e.name}`" for e in inside)
        lines += [f"   * - :doc:`{name}`", f"     - {names}"]
    count = sum(len(entry.names) for entry in everything)
    text = "\n".join(lines).format(names=count, things=len(everything))
    put(folder / "index.rst", f"{text}\n")
    return count
