"""The built site in a real browser: narrow, dark, by keyboard, for everybody, offline.

    python docs/build.py && pytest tests/test_site_browser.py

Skipped where the site is not built, or where playwright, axe or a browser is not there.
"""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

HTML = Path(__file__).parents[1] / "build" / "site" / "html"
PAGES = [
    "index.html",
    "quick_start.html",
    "course/index.html",
    "course/activations.html",
    "findings/dead-units.html",
    "coming_from_keras.html",
    "gallery.html",
    "benchmarks.html",
    "api/onefit.layers.dense.html",
    "search.html?q=sigmoid",
    "ko/index.html",
]
BROWSER = os.environ.get("ONEFIT_BROWSER") or shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    not (HTML / "index.html").exists() or BROWSER is None,
    reason="no built site (python docs/build.py), or no chromium",
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): ...


@pytest.fixture(scope="module")
def address():
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address):
    """A page, whose every request elsewhere is a failure."""
    asked = []
    context = browser.new_context()
    opened = context.new_page()
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(name, page, address):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for width, scheme in ((1280, "light"), (1280, "dark"), (400, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{address}/{name}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{width} pixels, and {wide} wide"
        found = axe.run(page).response["violations"]
        told = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]
        assert told == [], (width, scheme)


def test_search_finds_without_a_network(page, address):
    page.goto(f"{address}/search.html?q=sigmoid")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() > 5


def test_a_solution_is_unfolded_by_keyboard(page, address):
    page.goto(f"{address}/course/neuron.html")
    first = page.locator("details").first
    assert first.get_attribute("open") is None
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert first.get_attribute("open") is not None


def test_from_home_to_a_trained_network_in_three_clicks(page, address):
    page.goto(f"{address}/index.html")
    page.locator("article").get_by_role("link", name="quick start").click()
    page.wait_for_url("**/quick_start.html")
    assert "accuracy on rows it has not seen: 0.9" in page.content()


def test_light_and_dark_are_a_button(page, address):
    page.goto(f"{address}/index.html")
    colours = set()
    for _ in range(3):
        page.locator("button.theme-toggle:visible").first.click()
        style = "getComputedStyle(document.body).backgroundColor"
        colours.add(page.evaluate(style))
    assert len(colours) == 2
