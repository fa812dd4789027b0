"""`onefit serve` as people run it: started, asked, opened in a browser, ended."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest

from onefit import tables
from onefit.cli import main

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

MARKUP = "<img src=x onerror=document.title='broken'>"
TOKEN = "a-token-of-some-length"
RUN = "import sys; from onefit.cli import main; sys.exit(main(sys.argv[1:]))"


class Server:
    """`onefit serve` in a process of its own."""

    def __init__(self, model, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "serve", str(model), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        lines = iter(self.process.stdout.readline, "")
        self.said = [next(lines)]
        while "listening at" not in self.said[-1]:
            self.said.append(next(lines))
        self.address = re.search(r"http://\S+", self.said[-1])[0]
        self.port = int(self.address.rpartition(":")[2])

    def ask(self, path, row=None, token=TOKEN):
        """The status and the answer, with the token unless told otherwise."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as link:
            told = {"content-type": "application/json"}
            told["authorization"] = f"Bearer {token}"
            body = None if row is None else json.dumps(row)
            link.request("GET" if row is None else "POST", path, body, told)
            response = link.getresponse()
            return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose words and target are markup: a page must show them as text."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=80).round(2)
    rows = {
        "size": np.where(np.arange(80) % 9 == 0, None, size),
        "<b>kind</b>": rng.choice([MARKUP, "plain"], 80),
        "target": np.where(size > 0, "<i>big</i>", "small"),
    }
    path = tmp_path_factory.mktemp("served") / "model.onefit"
    tables.fit(rows, "target", quality="quick", time=1).save(path)
    return path


@pytest.fixture(scope="module")
def server(model):
    made = Server(model, "--token", TOKEN, "--host", "0.0.0.0")
    yield made
    made.process.kill()
    made.process.communicate()


def test_a_browser_shows_a_form_the_prediction_and_why(server):
    playwright = pytest.importorskip("playwright.sync_api")
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no browser here")
    with playwright.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page()
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else 0)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.address)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        page.get_by_label("size").fill("2.5")
        page.get_by_label("<b>kind</b>").select_option(MARKUP)
        page.get_by_role("button", name="Predict").click()
        page.wait_for_selector("#parts progress", timeout=60_000)
        assert page.locator(".said").inner_text() == "<i>big</i>"
        names = page.locator("#parts th").all_inner_texts()
        assert sorted(names) == ["<b>kind</b>", "size"]
        assert page.title() == "Predict target"
        assert page.locator("img").count() == 0
        page.get_by_label("size").fill("-900")
        page.get_by_role("button", name="Predict").click()
        page.wait_for_selector("#warnings li", timeout=60_000)
        assert "-900 is outside of" in page.locator("#warnings").inner_text()
        page.wait_for_selector("#parts progress", timeout=60_000)
        assert all(url.startswith(server.address) for url in asked)
        unasked = ("favicon", "401")  # what a browser asks for, and before the token
        assert not [e for e in errors if not any(word in e for word in unasked)]
        opened.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "99999"], r"--host, --port: received 127.0.0.1:99999"),
        (["--host", "203.0.113.9"], r"expected an address of this machine"),
        (["--token", "short"], r"token: received 5 letters; expected 16 or more"),
        (["--threshold", "7"], r"threshold: received 7.0"),
        (["--max-rows", "0"], r"rows: received 0; expected a number above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(model, capsys, options, words):
    assert main(["serve", str(model), *options]) == 1
    assert re.search(words, capsys.readouterr().err)


def test_who_waits_at_the_end_is_answered(server):
    assert server.ask("/predict", {"size": 2}, token="another")[0] == 401
    rows = [{"size": (-1) ** i * 2, "<b>kind</b>": "plain"} for i in range(10_000)]
    large, small = server.ask("/predict", rows[:2])[1]["predictions"]
    assert (large["prediction"], small["prediction"]) == ("<i>big</i>", "small")
    found = []
    ask = threading.Thread(target=lambda: found.append(server.ask("/predict", rows)))
    ask.start()
    time.sleep(0.2)  # it is at work, or waits
    server.process.send_signal(signal.SIGTERM)
    _, errors = server.process.communicate(timeout=60)
    ask.join()
    status, told = found[0]
    assert (status, len(told["predictions"])) == (200, 10_000)
    assert (server.process.returncode, errors) == (0, "")
