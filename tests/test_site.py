"""The site, as far as it can be told without building it: `python docs/build.py`."""

import json
import posixpath
import re
from pathlib import Path

import charts
import checking
import pytest
import reference
import staging

ROOT = Path(__file__).parents[1]
PAGES = staging.pages()


def test_every_public_name_is_documented_once():
    assert reference.undocumented() == []
    entries = reference.entries()
    names = [name for entry in entries for name in entry.names]
    assert len(names) == len(set(names)) > 1000
    homes = [entry.name for entry in entries]
    assert len(homes) == len(set(homes)) > 700


def test_a_name_without_a_docstring_stops_the_build(monkeypatch, tmp_path):
    def bare(): ...

    monkeypatch.setattr(reference.onefit, "suggest", bare, raising=False)
    with pytest.raises(ValueError, match=r"without a docstring: onefit\.suggest"):
        reference.write(tmp_path)


def test_a_thing_is_described_in_its_own_room_by_its_own_name():
    found = {n: e.name for e in reference.entries() for n in e.names}
    for other, name in {
        "onefit.Sequential": "onefit.models.Sequential",
        "onefit.layers.Convolution2D": "onefit.layers.Conv2D",
        "onefit.metrics.mean_squared_error": "onefit.losses.mean_squared_error",
    }.items():
        assert found[other] == name


def test_every_page_is_in_the_contents():
    listed: list[str] = []
    for name in PAGES:
        text = PAGES[name].read_text("utf-8") + staging.children(name)
        here = posixpath.dirname(name)
        for tree in re.findall(r"^```{toctree}\n(.*?)^```", text, re.M | re.S):
            for line in tree.split("\n"):
                if line and not line.startswith(":"):
                    listed.append(posixpath.normpath(posixpath.join(here, line)))
    twice = sorted({page for page in listed if listed.count(page) > 1})
    assert twice == []
    for name in PAGES:
        page = name.removesuffix(".md")
        there = {page, f"{posixpath.dirname(page) or '.'}/*"}
        assert name == "index.md" or there & set(listed), f"{name} is in no toctree"


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_of_the_site(name):
    gallery = {f"gallery/{p.stem}.md" for p in (ROOT / "examples").glob("*.py")}
    text = staging.linked(staging.translated(name), PAGES[name], name)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s:]+)[)#]", text):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        there = place in PAGES or place in gallery or place.startswith("api/")
        assert there or (ROOT / "docs" / place).exists(), target


def test_links_are_moved_as_pages_are():
    page = ROOT / "docs" / "findings" / "README.md"
    for target, moved in {
        "../guide.md": "../guide.md",
        "../../CONTRIBUTING.md": "../contributing.md",
        "../../examples/mnist.py": "../gallery/mnist.md",
        "../../src/onefit/tree.py": "",
    }.items():
        assert staging.moved(target, page, "findings/README.md") == moved
    words = staging.linked("a [b](../../src/x.py), `[c](d)`", page, "findings/x.md")
    assert words.startswith("a b, ")


def test_a_notebook_has_the_programs_of_its_page():
    text = PAGES["quick_start.md"].read_text("utf-8")
    made = json.loads(json.dumps(staging.notebook(text)))
    code = [c for c in made["cells"] if c["cell_type"] == "code"]
    assert ["".join(c["source"]) + "\n" for c in code] == staging.CELL.findall(text)
    assert not any("```python" in "".join(c["source"]) for c in made["cells"])
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(made)


KOREAN = [name for name in PAGES if name.startswith("ko/")]


@pytest.mark.parametrize("name", KOREAN)
def test_a_translation_has_its_twins_topics_programs_and_formulas(name):
    text = staging.translated(name)
    twin = PAGES[name.removeprefix("ko/")].read_text("utf-8")
    assert staging.CELL.findall(text) == staging.CELL.findall(twin)
    assert re.findall(r"^\$\$.*", text, re.M) == re.findall(r"^\$\$.*", twin, re.M)
    assert "<!--" not in text
    for mark in ("## ", "<details>"):
        assert text.count(f"\n{mark}") == twin.count(f"\n{mark}"), mark


def test_a_translation_that_fell_behind_is_refused(monkeypatch, tmp_path):
    old = tmp_path / "old.md"
    old.write_text("# 옛\n\n<!-- program -->\n", "utf-8")
    monkeypatch.setattr(
        staging,
        "pages",
        lambda: {"ko/quick_start.md": old, "quick_start.md": PAGES["quick_start.md"]},
    )
    with pytest.raises(ValueError, match=r"1 times <!-- program -->; its twin has 7"):
        staging.translated("ko/quick_start.md")


COURSE = [name for name in PAGES if name.startswith("course/")]


@pytest.mark.parametrize("name", COURSE)
def test_each_topic_has_an_idea_programs_and_an_exercise(name):
    for topic in PAGES[name].read_text("utf-8").split("\n## ")[1:]:
        if name != "course/index.md":
            assert "**Idea.**" in topic
            assert len(staging.CELL.findall(topic)) >= 2
            assert "**Exercise.**" in topic
            assert "<details><summary>Solution</summary>" in topic
            pictures = re.search(r"plots\.|^figure$", topic, re.M)
            assert pictures, topic[:40]


def test_slides_lead_to_topics_that_are_there():
    for part in ("", "ko/"):
        text = staging.translated(f"{part}course/index.md")
        links = re.findall(staging.TOPIC, text)
        assert len(links) > 60
        for _, page, anchor in links:
            topics = staging.translated(f"{part}course/{page}")
            headings = re.findall(r"^## (.*)$", topics, re.M)
            assert anchor in map(staging.slug, headings), (page, anchor)


def test_charts_are_drawn_from_the_results(tmp_path):
    found = charts.results()
    assert found["xor"]["torch"] == 551
    assert found["xor"]["keras-jax"] == 1632
    assert all(row["onefit"] == 1 for row in found.values())
    pytest.importorskip("matplotlib")
    charts.draw(tmp_path)
    assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_of_benchmarks_has_its_chart(tmp_path):
    staging.stage(tmp_path / "source", tmp_path / "notebooks")
    page = (tmp_path / "source" / "benchmarks.md").read_text("utf-8")
    assert page.count("(pictures/steps.png)") == 1
    assert (tmp_path / "notebooks" / "ko" / "course" / "neuron.ipynb").exists()
    drawn = [p.stem for p in (tmp_path / "source" / "gallery").glob("*.md")]
    assert sorted(drawn) == sorted(p.stem for p in (ROOT / "examples").glob("*.py"))


def test_each_example_has_its_picture_and_each_picture_its_example():
    drawing = staging.draw_examples
    examples = {place.stem for place in drawing.EXAMPLES.glob("*.py")}
    pictures = {place.stem for place in drawing.PICTURES.iterdir()}
    assert examples == drawing.DRAWN.keys() == pictures
    for name in examples:
        place = drawing.PICTURES / f"{name}.png"
        assert place.stat().st_size < 40_000, name
        assert len(drawing.words(name)) > 20, name
        assert not set(drawing.words(name)) & set("[]\n"), name


def test_pictures_are_of_the_examples_as_they_are():
    pytest.importorskip("PIL")
    drawing = staging.draw_examples
    old = [n for n in drawing.DRAWN if drawing.drawn_of(n) != drawing.fingerprint(n)]
    assert old == [], "python docs/draw_examples.py, and look at them"


def test_the_gallery_shows_cards():
    text = staging.cards(staging.linked(staging.translated("gallery.md"),
                                        PAGES["gallery.md"], "gallery.md"))  # fmt: skip
    assert "| script |" not in text
    for name in staging.draw_examples.DRAWN:
        picture = f"(pictures/examples/{name}.png)](gallery/{name}.md)"
        assert text.count(picture) == 1, name


def test_what_is_wrong_with_a_page_is_found(tmp_path):
    (tmp_path / "there.html").write_text('<p id="here">')
    (tmp_path / "style.css").write_bytes(b" " * 600_000)
    page = tmp_path / "page.html"
    page.write_text(
        '<link rel="stylesheet" href="style.css?v=1"><img src="x.png">'
        '<script src="https://cdn.example/a.js"></script>'
        '<a href="there.html#here"></a><a href="there.html#no"></a>'
        '<a href="gone.html"></a><a href="https://example.org"></a>'
    )
    pages = {f: checking.Page(f) for f in (page, tmp_path / "there.html")}
    assert checking.faults(pages) == [
        "page.html: there.html#no has no such place",
        "page.html: gone.html leads nowhere",
        "page.html: loads https://cdn.example/a.js",
        "page.html: x.png has no words",
        "page.html: weighs 600 kB",
    ]
