"""The pages about findings: one for each code, each with a program that shows it.

That the programs run is tested with all other pages (tests/test_docs.py).
"""

import ast
import re
from pathlib import Path

import pytest

from onefit import config
from onefit.guide import CODES, Finding, Report
from onefit.guide.korean import KOREAN
from onefit.guide.korean_sentences import INSTEAD, PHRASES, SEEN, in_korean

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
        assert "'dense' has none" in said  # no sentence of a rule: it stays
        assert finding.title == KOREAN["linear-stack"][0]
    finally:
        config.set_language("en")
    assert str(finding).startswith("hint: linear-stack, layer 'dense'")
    with pytest.raises(ValueError, match="ko"):
        config.set_language("de")


PLACES = {
    "Finding": (3, 5),
    "_say": (3, 5),
    "_of": (3, 5),
    "_does_not_fit": (2,),
    "_sorted": (0,),
}
"""Where functions of the rules are given what was seen, and what to write."""


MAYBE = (ast.IfExp, ast.Constant, ast.BinOp)


def filled(node):
    """The sentences that an expression may be, with 7 for what varies."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*filled(node.body), *filled(node.orelse)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return ["", *filled(node.left)]  # "s" * several
    if not isinstance(node, ast.JoinedStr):
        return []  # a variable, or what a function puts together
    texts = [""]
    for part in node.values:
        inner = getattr(part, "value", None)
        told = filled(inner) if isinstance(inner, MAYBE) else []
        more = [part.value] if isinstance(part, ast.Constant) else told or ["7"]
        texts = [text + str(one) for text in texts for one in more]
    return texts


def sentences():
    for file in (ROOT / "src/onefit/guide/rules").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", None)
            if not isinstance(node, ast.Call) or name not in PLACES:
                continue
            given = dict(enumerate(node.args))
            given |= {k.arg: k.value for k in node.keywords}
            for at in (*PLACES[name], "seen", "instead"):
                for text in filled(given[at]) if at in given else ():
                    yield file.stem, node.lineno, text


def test_what_was_seen_and_what_to_write_are_there_in_korean():
    every = list(sentences())
    assert len(every) > 150
    missing = [told for told in every if in_korean(told[2]) is None]
    assert not missing, "\n".join(map(str, missing))


def test_places_of_sentences_are_all_filled():
    for english, korean in (SEEN | INSTEAD | PHRASES).items():
        count = english.count("{}")
        assert set(re.findall(r"\{(\d)\}", korean)) == set(map(str, range(count)))
        assert re.search("[가-힣]", korean) or "{" in korean
    assert in_korean("42 is no sentence of a rule") is None
    assert in_korean("output 'a': targets of -1 and 1").endswith("-1과 1입니다")
    assert "ReLU 유닛 8개" in in_korean(
        "3 of 8 ReLU units of 'a' answer 0 to every row, most of them from the start"
    )


def test_a_report_is_in_korean_as_text_and_for_a_notebook():
    report = Report(
        [Finding("batch-too-large", "hint", seen="batch_size=9 for 9 rows")]
    )
    config.set_language("ko")
    try:
        assert "참고 1개" in str(report)
        assert "본 것: 9행에 batch_size=9입니다" in str(report)
        assert "9행에 batch_size=9입니다" in report._repr_html_()
        assert "찾은 것이 없습니다" in str(Report([]))
    finally:
        config.set_language("en")
