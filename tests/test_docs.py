"""The pages of the docs do what they say: their programs run, their links lead on."""

import re
from pathlib import Path

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
