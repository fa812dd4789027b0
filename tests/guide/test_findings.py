"""The pages about findings: one for each code, each with a program that shows it.

That the programs run is tested with all other pages (tests/test_docs.py).
"""

import re
from pathlib import Path

import pytest

from onefit import config
from onefit.guide import CODES, Finding
from onefit.guide.korean import KOREAN

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "findings"


def test_there_is_a_page_for_each_code_and_no_other():
    assert {page.stem for page in PAGES.glob("*.md")} == {*CODES, "README"}


def test_the_index_lists_all_codes_in_order_with_their_titles():
    index = (PAGES / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[([\w-]+)\]\(([\w-]+)\.md\) \| (.+) \|$", index, re.M)
    assert [(code, page) for code, page, _ in rows] == [(code, code) for code in CODES]
    assert {code: title for code, _, title in rows} == CODES


@pytest.mark.parametrize("code", CODES)
def test_a_page_shows_its_finding_gives_the_reason_and_the_fix(code):
    page = ROOT / Finding(code, "hint").page
    text = page.read_text("utf-8")
    title = CODES[code][0].upper() + CODES[code][1:]
    assert text.startswith(f"# {code}\n\n{title}. *")
    parts = ["**Seen.**", "**Why.**", "**Instead.**", "**How sure.**"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    shown, *fixed = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert "print(report)" in shown
    assert f'assert "{code}" in report.codes' in shown
    assert fixed
    assert len(text.splitlines()) <= 65


def test_every_finding_is_there_in_korean_too():
    assert list(KOREAN) == list(CODES)
    texts = [text for parts in KOREAN.values() for text in parts]
    assert all(re.search("[가-힣]", text) for text in texts)
    finding = Finding("linear-stack", "hint", "dense", seen="'dense' has none")
    config.set_language("ko")
    try:
        said = str(finding)
        assert all(text.split()[0] in said for text in KOREAN["linear-stack"])
        assert said.startswith("참고: linear-stack, 층 'dense'")
        assert "'dense' has none" in said
        assert finding.title == KOREAN["linear-stack"][0]
    finally:
        config.set_language("en")
    assert str(finding).startswith("hint: linear-stack, layer 'dense'")
    with pytest.raises(ValueError, match="ko"):
        config.set_language("de")
