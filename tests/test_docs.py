"""The pages of the docs do what they say: programs run, links lead on, pictures fit."""

import functools
import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
NEEDS = ("torch", "onnx", "onnxruntime", "sklearn", "keras", "pandas")


def place(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def programs(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


@pytest.mark.filterwarnings("ignore::onefit.guide.TrainingWarning")
@pytest.mark.parametrize("page", [p for p in PAGES if programs(p)], ids=place)
def test_the_programs_of_a_page_run(page, tmp_path, monkeypatch):
    blocks = programs(page)
    for name in NEEDS:
        if re.search(rf"^(import|from) {name}\b", "\n".join(blocks), re.M):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{place(page)}, program {number}", "exec"), names)


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md")], ids=place)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


# The pictures of architecture.md ------------------------------------------------------


@functools.cache
def drawing() -> ModuleType:
    place = ROOT / "docs" / "draw_architecture.py"
    spec = importlib.util.spec_from_file_location("draw_architecture", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def drawn(name: str) -> str:
    return drawing().DRAWN[name]()


def without_counts(picture: str) -> str:
    """A picture without the lines of code: they change with every line that does."""
    return re.sub(r'(class="aside lines"[^>]*>)[\d,]+<', r"\1<", picture)


@pytest.mark.parametrize("name", ["rooms.svg", "batch.svg"])
def test_a_picture_is_what_the_code_says(name):
    kept = (ROOT / "docs" / "pictures" / name).read_text("utf-8")
    assert without_counts(kept) == without_counts(drawn(name)), (
        "run `python docs/draw_architecture.py`, and look at what it drew"
    )


SVG = "{http://www.w3.org/2000/svg}"


def edges(box: ElementTree.Element) -> tuple[float, float, float, float]:
    x, y, width, height = (float(box.attrib[k]) for k in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


@pytest.mark.parametrize("name", ["rooms.svg", "batch.svg"])
def test_a_picture_can_be_read(name):
    # No boxes overlap, and every text of a box fits into it with letters of 0.6 em.
    root = ElementTree.fromstring(drawn(name))
    boxes = [edges(e) for e in root.iter(f"{SVG}rect") if e.attrib["class"] == "box"]
    assert len(boxes) > 20
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0]
        assert apart or one[3] <= other[1] or other[3] <= one[1], (one, other)
    texts = [e for e in root.iter(f"{SVG}text") if e.attrib["class"] != "aside"]
    assert len(texts) >= 2 * len(boxes)
    rows: dict[tuple, list[tuple[float, float]]] = {}
    for text in texts:
        size, words = float(text.attrib["font-size"]), text.text or ""
        x, y, width = float(text.attrib["x"]), float(text.attrib["y"]), 0.6 * size
        start, end = x, x + width * len(words)
        if text.attrib["text-anchor"] == "end":
            start, end = x - width * len(words), x
        (box,) = [b for b in boxes if b[0] <= x <= b[2] and b[1] + size <= y <= b[3]]
        assert box[0] <= start, words
        assert end <= box[2], words
        rows.setdefault((box, y), []).append((start, end))
    for row in rows.values():
        for before, after in itertools.pairwise(sorted(row)):
            assert before[1] <= after[0], row


def test_a_way_that_the_code_does_not_go_is_refused(monkeypatch):
    draw = drawing()
    for place, message in {
        "training.nowhere.step": "no file for onefit.training.nowhere",
        "training.program.stepp": "no 'stepp' in program.py",
        "training.program.start": "is not called by the one above",
    }.items():
        way = {"inside": [(0, "training.program.run"), (1, place)]}
        monkeypatch.setattr(draw, "WAY", way)
        with pytest.raises(ValueError, match=re.escape(message)):
            draw.draw_batch()


def test_rooms_that_import_each_other_are_refused():
    draw = drawing()
    circle = {
        name: draw.Room(name, "", 1, frozenset({other}))
        for name, other in ({"a": "b", "b": "a"}).items()
    }
    with pytest.raises(ValueError, match="import each other"):
        draw.floors(circle)
