"""The pages of the repository as pages of the site.

In the repository a page is plain Markdown, whose programs the tests run and which any
reader of Markdown shows. On its way to the site each program becomes a cell that is run
in the build, links to files that are no pages become links to pages that show them, and
a notebook of the same is written beside it.
"""

import json
import os
import posixpath
import re
import shutil
from pathlib import Path

import draw_examples

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/SCALE.md": "benchmarks_scale.md",
    "examples/README.md": "gallery.md",
    "README.md": "index.md",
    "docs/README.md": "index.md",
}
"""Pages that stand elsewhere in the repository, and their names on the site."""

FRONT = """\
---
file_format: mystnb
kernelspec:
  name: python3
---
"""
CELL = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"(\[[^][]*\])\(([^)#\s:]+)(#[^)]*)?\)")
CHART = (
    "![How many times longer a step takes elsewhere, for each network: a dot for each "
    "peer, on a logarithmic axis](pictures/steps.png)"
)
PICTURE = "pictures/examples/{}.png"
EXAMPLE = re.compile(r"^\| \[[^]]*\]\((\S+)\) \| ([\d, ]+) \| (.*) \|$", re.M)
PROGRAM, FORMULA = "<!-- program -->", "<!-- formula -->"
SLIDES = "<!-- slides -->"
TOPIC = r"\[([^][]*)\]\((\w+\.md)#([^)]*)\)"
NOTEBOOK = {
    "en": "*This page as a notebook: [{name}]({link}).*",
    "ko": "*이 페이지의 노트북: [{name}]({link}).*",
}


def pages() -> dict[str, Path]:
    """The pages of the site by their names on it, and where each stands."""
    found = {
        page.relative_to(DOCS).as_posix(): page
        for page in sorted(DOCS.rglob("*.md"))
        if page != DOCS / "README.md"
    }
    for place, name in ELSEWHERE.items():
        found.setdefault(name, ROOT / place)
    return found


def moved(target: str, page: Path, name: str) -> str:
    """A link as the site needs it: to a page, or to the source of a file.

    Args:
        target: What the page links to, as a path from it.
        page: Where the page stands.
        name: Its name on the site.
    """
    place = Path(os.path.normpath(page.parent / target)).relative_to(ROOT).as_posix()
    here = posixpath.dirname(name)
    if place in ELSEWHERE:
        return posixpath.relpath(ELSEWHERE[place], here or ".")
    if place.startswith("docs/") and place.endswith((".md", ".svg", ".png")):
        return posixpath.relpath(place.removeprefix("docs/"), here or ".")
    if place.startswith("examples/") and place.endswith(".py"):
        return posixpath.relpath(f"gallery/{Path(place).stem}.md", here or ".")
    return ""


def translated(name: str) -> str:
    """The text of a page; one in Korean has its English twin's programs and formulas.

    They stand once, so that they cannot differ: a translation has a mark for each.

    Raises:
        ValueError: It has more or fewer marks than its twin has programs or formulas.
    """
    text = pages()[name].read_text("utf-8")
    if not name.startswith("ko/"):
        return text
    twin = pages()[name.removeprefix("ko/")].read_text("utf-8")
    for mark, found in (
        (PROGRAM, [f"```python\n{program}```" for program in CELL.findall(twin)]),
        (FORMULA, re.findall(r"^\$\$.*?\$\$$", twin, re.M | re.S)),
    ):
        if text.count(mark) != len(found):
            raise ValueError(
                f"{name}: {text.count(mark)} times {mark}; its twin has {len(found)}"
            )
        for one in found:
            text = text.replace(mark, one, 1)
    if SLIDES in text:
        table = twin[twin.index("### ") :]
        text = text.replace(SLIDES, re.sub(TOPIC, _topic, table))
    return text


def slug(heading: str) -> str:
    """The anchor of a heading, as MyST makes it.

    >>> slug("ReLU, Leaky ReLU, ELU")
    'relu-leaky-relu-elu'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _topic(match: re.Match[str]) -> str:
    """A link to a topic, as one to the same topic in Korean, by its heading there."""
    page, anchor = match[2], match[3]
    english, korean = (
        re.findall(r"^## (.*)$", (DOCS / part / page).read_text("utf-8"), re.M)
        for part in ("course", "ko/course")
    )
    heading = korean[[slug(h) for h in english].index(anchor)]
    return f"[{heading}]({page}#{slug(heading)})"


def linked(text: str, page: Path, name: str) -> str:
    """The text of a page with its links moved; what is on no page loses its link."""

    def one(match: re.Match[str]) -> str:
        target = moved(match[2], page, name)
        if not target:
            return match[1][1:-1]
        return f"{match[1]}({target}{match[3] or ''})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    parts[::2] = [LINK.sub(one, part) for part in parts[::2]]
    return "".join(parts)


def notebook(text: str) -> dict[str, object]:
    """The page as a notebook, its programs as cells that were not run."""
    cells: list[dict[str, object]] = []
    for number, part in enumerate(CELL.split(text)):
        if not part.strip():
            continue
        lines = part.strip("\n").splitlines(keepends=True)
        cell = {"id": f"cell-{number}", "metadata": {}, "source": lines}
        if number % 2:
            cells.append(
                cell | {"cell_type": "code", "execution_count": None, "outputs": []}
            )
        else:
            cells.append(cell | {"cell_type": "markdown"})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def staged(text: str, name: str) -> str:
    """The text of a page with its programs as cells, and the link to its notebook."""
    language = "ko" if name.startswith("ko/") else "en"
    file = Path(name).with_suffix(".ipynb").name
    up = "../" * name.count("/")
    link = f"{up}notebooks/{Path(name).with_suffix('.ipynb').as_posix()}"
    said = NOTEBOOK[language].format(name=file, link=link)
    said = re.sub(r"\[(.*)\]\((.*)\)", r'<a href="\2" download>\1</a>', said)
    return f"{FRONT}{CELL.sub(_cell, text)}\n\n{said}\n"


def _cell(match: re.Match[str]) -> str:
    return f"```{{code-cell}} ipython3\n{match[1]}```"


def stage(source: Path, notebooks: Path) -> dict[str, int]:
    """Writes the sources of the site; gives the pages, each with its programs.

    Files are touched only where they change, so that a second build is quick.
    """
    counts: dict[str, int] = {}
    written = set()
    for name, page in pages().items():
        text = linked(translated(name), page, name)
        if name == "gallery.md":
            text = cards(text)
        if name == "benchmarks.md":
            text = text.replace("\n## Results\n", f"\n## Results\n\n{CHART}\n", 1)
        # Those of pages that stand elsewhere are parts of files, or tests of their own.
        counts[name] = len(CELL.findall(text)) if DOCS in page.parents else 0
        if counts[name]:
            file = notebooks / Path(name).with_suffix(".ipynb")
            put(file, json.dumps(notebook(text), indent=1, ensure_ascii=False))
            text = staged(text, name)
        written.add(put(source / name, text + children(name)))
    written.update(gallery(source))
    for stale in [p for p in source.rglob("*.md") if "api" not in p.parts]:
        if stale not in written:
            stale.unlink()
    shutil.copytree(DOCS / "pictures", source / "pictures", dirs_exist_ok=True)
    return counts


def children(name: str) -> str:
    """The pages under a page, where that is plain Markdown for other readers too."""
    listed = {"findings/README.md": "*", "gallery.md": "gallery/*"}
    if name == "index.md":
        named = set(re.findall(r"^(\S+)$", (DOCS / name).read_text("utf-8"), re.M))
        rest = [p.stem for p in sorted(DOCS.glob("*.md")) if p.stem not in named]
        rest = [stem for stem in rest if stem not in ("README", "index")]
        tree = "\n".join([":hidden:", ":caption: More", "", *rest])
        return f"\n```{{toctree}}\n{tree}\n```\n" if rest else ""
    if name not in listed:
        return ""
    return f"\n```{{toctree}}\n:hidden:\n:glob:\n\n{listed[name]}\n```\n"


def gallery(source: Path) -> list[Path]:
    """A page for each example: what it says of itself, its picture, its program."""
    written = []
    for script in sorted((ROOT / "examples").glob("*.py")):
        name, text = script.stem, script.read_text("utf-8")
        head, _, rest = text.split('"""')[1].strip().partition("\n")
        picture = f"![{draw_examples.words(name)}](../{PICTURE.format(name)})"
        page = f"# {name}\n\n{head}\n{rest}\n\n{picture}\n\n```python\n{text}```\n"
        written.append(put(source / "gallery" / f"{name}.md", page))
    return written


def cards(text: str) -> str:
    """The table of examples as cards: picture, name, lectures, what it shows."""
    table = re.search(r"(^\|.*\|\n)+", text, re.M)
    assert table is not None
    made = []
    for link, lectures, shows in EXAMPLE.findall(table[0]):
        name = Path(link).stem
        picture = f"![{draw_examples.words(name)}]({PICTURE.format(name)})"
        made += ["```{container} card", f"[{picture}]({link})", ""]
        made += [f"[**{name}**]({link}) · lecture {lectures}", "", shows, "```"]
    inside = "\n".join(["````{container} cards", *made, "````", ""])
    return text[: table.start()] + inside + text[table.end() :]


def put(file: Path, text: str) -> Path:
    """Writes a file, if it is not as it should be."""
    if not file.exists() or file.read_text("utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return file
