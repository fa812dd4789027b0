"""The table of names in tensorflow.md, made from the code.

    python docs/name_table.py

`tests/scripts/test_docs_table.py` compares the page with it.
"""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from onefit.scripts.absent import ABSENT, PACKAGES
from onefit.scripts.names import SPACES
from onefit.scripts.noops import why_nothing
from onefit.scripts.respelling import METHODS, NOT_THE_SAME, NOTHING
from onefit.scripts.standin import standin
from onefit.spellings import ADVICE, RENAMED

PAGE = Path(__file__).with_name("tensorflow.md")
BEGIN, END = "<!-- names -->", "<!-- end of names -->"


def spoken(path: str) -> str:
    """As scripts write it."""
    if path.startswith("tensorflow."):
        return f"tf.{path.removeprefix('tensorflow.')}"
    return {"tensorflow": "tf"}.get(path, path)


def shown(name: str) -> dict[str, Any]:
    """The names of one module that are no modules."""
    module = standin(name)
    found = {n: getattr(module, n) for n in dir(module)}
    return {n: v for n, v in found.items() if not isinstance(v, ModuleType)}


def supported() -> list[str]:
    """A row for each module."""
    rows = ["| module | names | |", "|---|---:|---|"]
    for name in SPACES:
        names = [n for n, v in shown(name).items() if not why_nothing(v)]
        if names:
            listed = ", ".join(f"`{n}`" for n in names)
            rows.append(f"| `{spoken(name)}` | {len(names)} | {listed} |")
    return rows


def nothing() -> list[str]:
    """A row for each function that does nothing, and for each such keyword."""
    rows = ["| name | does nothing, because |", "|---|---|"]
    for name in SPACES:
        for one, value in shown(name).items():
            if why_nothing(value):
                rows.append(f"| `{spoken(name)}.{one}` | {why_nothing(value)} |")
    keywords = ", ".join(f"`{name}=`" for name in sorted(NOTHING))
    rows.append(f"| {keywords} | they change no number, here as in Keras |")
    rows.append("| `name=` of functions of tf | operations have no names |")
    return rows


def refused() -> list[str]:
    """A row for each sentence about what is not here."""
    by_reason: dict[str, list[str]] = {}
    for table in (ABSENT, PACKAGES):
        for name, why in table.items():
            by_reason.setdefault(why, []).append(f"`{spoken(name)}`")
    rows = ["| names that begin so are refused | |", "|---|---|"]
    rows += [f"| {', '.join(names)} | {why} |" for why, names in by_reason.items()]
    return rows


def keywords() -> list[str]:
    """A row for each older keyword."""
    rows = ["| older keyword or method | read as |", "|---|---|"]
    for name in sorted(set(RENAMED) - NOT_THE_SAME):
        new = " or ".join(f"`{n}=`" for n in RENAMED[name])
        rows.append(f"| `{name}=` | {new}, where the call has that |")
    rows += [f"| `.{old}()` | `.{new}()` |" for old, new in METHODS.items()]
    rows.append("| `x.shape.as_list()` | `list(x.shape)` |")
    decay = "learning_rate=InverseTimeDecay(rate, 1, d)"
    rows.append(f"| `decay=d` of an optimizer | `{decay}` |")
    rows += ["", "| keyword that is refused | what to write |", "|---|---|"]
    for name, advice in sorted(ADVICE.items()):
        if name not in NOTHING:
            rows.append(f"| `{name}=` | {advice} |")
    return rows


def table() -> str:
    """All of it."""
    parts = [
        ("### Supported", supported()),
        ("### Does nothing, and says so", nothing()),
        ("### Refused", refused()),
        ("### Keywords", keywords()),
    ]
    return "\n\n".join(f"{head}\n\n" + "\n".join(rows) for head, rows in parts)


def whole() -> str:
    """The page, with the table as the code has it."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{inspect.cleandoc(table())}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(whole(), "utf-8")
