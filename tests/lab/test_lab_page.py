"""The lab in a browser and over HTTP: as students use it, and as nobody should."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection

import numpy as np
import pytest

import onefit
from onefit.lab import lessons
from onefit.lab.design import Design
from onefit.lab.desk import Lab
from onefit.lab.monitor import Runs
from onefit.lab.running import opened
from onefit.layers import Dense
from onefit.web import LOCAL, Door, Refused

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

RUN = "import sys; from onefit.cli import main; sys.exit(main(sys.argv[1:]))"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


class Server:
    """`onefit lab` in a process of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "lab", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.address = re.search(r"http://\S+", self.process.stdout.readline())[0]

    def end(self):
        """As Ctrl-C does it: pages that look do not hold it up."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)


# Over HTTP ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here():
    """A lab of this process, and the port and token of its page."""
    with Lab(Design(data="gauss", rows=40, layers=())) as lab:
        address = opened(lab).address
        port, token = re.search(r":(\d+)/\?token=(.+)", address).groups()
        yield lab, int(port), token


def ask(port, method, path, headers=None, body=None):
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        link.request(method, path, body, headers or {})
        response = link.getresponse()
        return response.status, response.getheaders(), response.read()


def command(port, token, told, **more):
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return ask(port, "POST", "/do", headers | more, json.dumps(told))


def test_who_has_the_token_may_ask_and_nobody_else(here):
    lab, port, token = here
    assert command(port, token, {"do": "step"})[0] == 200
    epoch = lab.frame["epoch"]
    step = {"do": "step"}
    assert command(port, "x" * 32, step)[0] == 401
    assert command(port, token, step, host="elsewhere.org")[0] == 421
    assert command(port, token, step, origin="http://elsewhere.org")[0] == 403
    assert command(port, token, step, origin=f"http://localhost:{port + 1}")[0] == 403
    plain = {"content-type": "text/plain"}  # what a form of another page can send
    assert command(port, token, step, **plain)[0] == 415
    assert ask(port, "GET", "/events")[0] == 401
    assert (
        ask(port, "GET", f"/events?token={token}", {"host": "elsewhere.org"})[0] == 421
    )
    assert ask(port, "GET", "/nothing")[0] == 404
    assert ask(port, "GET", "/do")[0] == 405
    assert lab.frame["epoch"] == epoch
    named = Door((*LOCAL, "hub.example"), token, "onefit lab")  # behind a proxy
    named.admit({"host": "127.0.0.1:1", "origin": "https://hub.example"})
    with pytest.raises(Refused):
        named.admit({"host": "127.0.0.1:1", "origin": "https://hub.example.org"})
    ours = {"origin": f"http://127.0.0.1:{port}", "host": f"127.0.0.1:{port}"}
    assert command(port, token, step, **ours)[0] == 200


def test_the_page_may_load_nothing_from_elsewhere(here):
    _, port, _ = here
    for path in ("/", "/lab.js", "/draw.js", "/words.js", "/lab.css"):
        status, headers, body = ask(port, "GET", path)
        policy = dict(headers)["content-security-policy"]
        assert status == 200
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", body)
    scripts = [ask(port, "GET", f"/{name}.js")[2] for name in ("lab", "draw", "words")]
    assert sum(map(len, scripts)) < 100_000


def test_a_thousand_malformed_requests_change_nothing(here):
    lab, port, token = here
    before = json.dumps([lab.about, lab.frame["weights"], lab.frame["epoch"]])
    rng = np.random.default_rng(0)
    good = json.dumps({"do": "edit", "layer": 0, "weight": "kernel",
                       "place": [7, 7], "value": 1e3}).encode()  # fmt: skip
    head = (
        f"POST /do HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}"
        "\r\ncontent-type: application/json\r\n"
    ).encode()
    answered = 0
    for number in range(1000):
        body = bytearray(good)
        for at in rng.integers(0, len(body), 1 + number % 9):
            body[at] = rng.integers(0, 256)
        size = len(body) if number % 3 else int(rng.integers(0, len(body)))
        data = bytearray(head + f"content-length: {size}\r\n\r\n".encode() + body)
        if number % 5 == 0:  # the head too
            for at in rng.integers(0, len(head), 4):
                data[at] = rng.integers(0, 256)
        with closing(socket.create_connection(("127.0.0.1", port), 10)) as link:
            link.sendall(bytes(data))
            if number % 4 == 0:
                link.settimeout(2)
                with suppress(TimeoutError, ConnectionError):
                    answered += link.recv(64).startswith(b"HTTP/1.1 4")
    assert answered > 50
    assert ask(port, "GET", "/")[0] == 200
    assert json.dumps([lab.about, lab.frame["weights"], lab.frame["epoch"]]) == before


# In a browser -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no chromium here")
    with playwright.sync_playwright() as run:
        made = run.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield made
        made.close()


class Tab:
    """A page in the browser, with every other host blocked."""

    def __init__(self, browser, address, **options):
        self.context = browser.new_context(**options)
        self.page, self.faults, self.elsewhere = self.context.new_page(), [], []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.context.route(re.compile(".*"), self._pass)
        self.page.goto(address)

    def _pass(self, route):
        if re.match(r"http://127\.0\.0\.1|blob:|data:", route.request.url):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def until(self, what, text, seconds=30):
        """Waits for a text that matches."""
        from playwright.sync_api import expect

        locator = self.page.locator(what)
        expect(locator).to_have_text(re.compile(text), timeout=1000 * seconds)

    def until_value(self, what, value, seconds=30):
        """Waits for what stands in a field."""
        from playwright.sync_api import expect

        expect(self.page.locator(what)).to_have_value(value, timeout=1000 * seconds)

    def end(self):
        self.context.close()
        assert not self.faults
        assert not self.elsewhere


@pytest.fixture
def tab(browser):
    """A page on a lab of its own."""
    with Lab(Design(data="gauss", rows=60)) as lab:
        made = Tab(browser, opened(lab).address)
        vars(made)["lab"] = lab
        made.page.wait_for_selector("#unit-0-0")
        yield made
        made.end()


def test_a_student_trains_steps_goes_back_and_looks_inside(tab):
    page = tab.page
    page.select_option("#speed", "100")
    page.click("#play")
    tab.until("#epoch", r"^\d\d+$")
    page.click("#play")
    tab.until("#play", "^Play$")
    page.click("#reset")
    tab.until("#epoch", "^0$")
    page.click("#step-epoch")
    tab.until("#epoch", "^1$")
    page.click("#step-batch")
    tab.until("#epoch", r"^1 \+ 1/3$")
    page.click("#unit-0-1")
    tab.until("#inspect", r"tanh\(z₂\[¹\]\)")
    page.fill("#w-0", "4.5")
    page.press("#w-0", "Enter")
    tab.until("#inspect", r"4\.5·")
    assert tab.lab.frame["weights"][0]["kernel"][1] == 4.5
    page.evaluate(
        "for (const id of ['more-0', 'more-0', 'feature-2', 'remove-1'])"
        "document.getElementById(id).click()"
    )  # before it is drawn anew
    page.wait_for_selector("#unit-0-5")
    page.wait_for_selector("#unit-2-0", state="detached")
    page.wait_for_selector("#unit--1-2")
    page.click("#add")
    page.wait_for_selector("#unit-2-0")
    page.select_option("#activation-0", "relu")
    page.click("#add")
    page.wait_for_selector("#unit-3-0")
    page.check("#show-test")
    page.check("#discretise")
    assert "discretise%22%3Atrue" in page.url
    for twin in page.locator("details summary").all():
        twin.click()
    page.locator("details table").nth(2).wait_for()


def test_everything_is_reached_by_the_keyboard(tab):
    page = tab.page
    page.focus("#play")
    page.keyboard.press("Enter")
    tab.until("#epoch", r"^\d+$")
    page.keyboard.press("Enter")
    seen = set()
    page.focus("#reset")
    for _ in range(90):
        seen.add(page.evaluate("document.activeElement.id"))
        page.keyboard.press("Tab")
    wanted = {"play", "step-epoch", "speed", "rewind", "language", "optimizer", "rate"}
    wanted |= {"dataset", "noise", "more-0", "activation-0", "unit-0-0", "unit-2-0"}
    wanted |= {"show-test", "example", "several", "out-python", "in-lab"}
    assert wanted <= seen


def test_the_guide_mends_many_are_opened_and_files_are_taken_away(tab):
    page = tab.page
    page.select_option("#activation-1", "linear")
    page.get_by_role("button", name="Fix it").first.click()
    tab.until("#findings", "Nothing found")
    page.fill("#seeds", "4")
    page.fill("#many-epochs", "5")
    page.click("#several")
    page.locator(".tiles button").first.click()
    page.select_option("#optimizer", "adam")
    page.click("#own-optimizer-summary")
    page.fill("#optimizer-beta_1", "0.5")
    page.press("#optimizer-beta_1", "Enter")
    tab.until("#own-optimizer-summary", r"\(1\)")
    tab.until("#optimizer-beta_1-says", "default 0.9; 0 ≤ · < 1")
    page.select_option("#map-across", "beta_1")
    page.select_option("#map-upwards", "batch")
    page.click("#survey")
    page.locator(".grid tr:last-child button").last.click()
    tab.until_value("#optimizer-beta_1", "0.999")
    page.click("#out-python")
    tab.until("#code", r"model\.fit\(x, y")
    for button, name in [("#out-keras", "lab.keras"), ("#out-lab", "lab.json"),
                         ("#out-picture", "lab.png")]:  # fmt: skip
        with page.expect_download() as caught:
            page.click(button)
        assert caught.value.suggested_filename == name
    table = b"a,b,c\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n5,1,x\n6,2,z\n7,1,z\n1,8,z"
    file = {"name": "t.csv", "mimeType": "text/csv", "buffer": table}
    page.set_input_files("#table", file)
    tab.until("#keys", "x.*y.*z")
    page.click("#step-epoch")
    tab.until("#epoch", "^1$")


def test_a_link_brings_the_network_and_the_language_is_korean(tab, browser):
    page = tab.page
    page.select_option("#language", "ko")
    tab.until("#data-title", "데이터")
    page.select_option("#dataset", "three")
    page.wait_for_selector("#unit-2-2")
    link = page.url
    page.select_option("#dataset", "xor")
    page.wait_for_selector("#unit-2-1", state="detached")
    page.fill("#in-link", link)
    page.press("#in-link", "Enter")
    page.wait_for_selector("#unit-2-2")
    assert tab.lab.design.data == "three"


def test_two_pages_show_the_same_network(tab, browser):
    address = tab.page.url.partition("#")[0]
    other = Tab(browser, address)
    other.page.wait_for_selector("#unit-0-0")
    tab.page.click("#step-epoch")
    other.until("#epoch", "^1$")
    other.page.click("#more-1")
    tab.page.wait_for_selector("#unit-1-2")
    other.end()  # a page that is closed leaves the other as it is
    tab.page.click("#step-epoch")
    tab.until("#epoch", "^1$")


def test_each_kind_of_data_has_its_pictures(tab):
    page = tab.page
    for left in (1, 0):
        page.locator(".head button", has_text="remove").first.click()
        page.wait_for_selector(f"#unit-{left + 1}-0", state="detached")
    for data in ("line", "wave", "hills", "three", "digits", "images"):
        page.select_option("#dataset", data)
        tab.until("#losses", "^$")
        if data == "images":
            page.select_option("#new-kind", "conv")
            page.click("#add")
            page.wait_for_selector("text=conv2d")
        page.click("#step-epoch")
        tab.until("#losses", "val_loss")
        assert page.locator("#valley").is_visible() == (data in ("line", "wave"))
        drawn = page.evaluate(
            "[...document.querySelectorAll('#map, .unit canvas')].map((canvas) => "
            "new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, "
            "canvas.height).data).size)"
        )
        assert min(drawn) > 1, data


def test_each_lesson_is_walked_through(tab):
    for name in lessons.ORDER:
        lesson = lessons.lessons()[name]
        tab.page.select_option("#lessons", name)
        tab.until("#lesson-title", f"^{re.escape(lesson.title['en'])}$")
        for i, one in enumerate(lesson.questions):
            box = tab.page.locator(f"#question-{i}")
            if one.kind == "choice":
                right = [r for _, r in one.answers].index(True)
                box.locator("input").nth(right).check()
            elif one.kind == "number":
                box.locator("input").fill(str(one.number))
            box.get_by_role("button").click()
            wanted = "Not yet" if one.kind == "lab" else "Right"
            tab.until(f"#question-{i} [role=status]", wanted)
        for control in lesson.hide:
            hidden = f'[data-control="{control}"]:visible, #{control}:visible'
            assert not tab.page.locator(hidden).count()
    tab.page.click("#end-lesson")
    tab.page.wait_for_selector("#lesson", state="hidden")


def fits(page):
    """Nothing is wider than the page, and axe finds no violation."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"]
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    assert not [(v["id"], [n["html"] for n in v["nodes"]]) for v in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_no_violation_and_nothing_is_cut_off(browser, scheme, width):
    with Lab(lesson="xor") as lab:
        size = {"width": width, "height": 800}
        tab = Tab(browser, opened(lab).address, viewport=size, color_scheme=scheme,
                  bypass_csp=True)  # fmt: skip
        tab.page.wait_for_selector("#unit-0-0")
        tab.page.click("#end-lesson")  # which hides some controls
        tab.page.click("#own-optimizer-summary")
        tab.page.select_option("#initializer-0", "random_normal")
        tab.page.wait_for_selector("#initializer-0-stddev")
        tab.page.click("#step-epoch")
        tab.page.click("#unit-0-1")
        tab.until("#inspect", "Forward")
        fits(tab.page)
        tab.end()


def test_a_server_that_was_killed_is_missed_and_found_again(browser, tmp_path):
    token = "a-token-of-some-length"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = Server("--port", port, "--token", token)
    tab = Tab(browser, server.address)
    tab.page.wait_for_selector("#unit-0-0")
    server.process.kill()
    server.process.communicate()
    tab.until("#trouble", "does not answer")
    lesson = tmp_path / "mine.md"
    lesson.write_text("# Of a teacher\n<!-- en -->\nRead, and train.\n", "utf-8")
    again = Server("--port", port, "--token", token, "--lesson", str(lesson))
    tab.until("#lesson-title", "Of a teacher", 60)
    tab.until("#trouble", "^$")
    tab.page.click("#step-epoch")
    tab.until("#epoch", "^1$")
    again.end()
    tab.end()


def test_a_page_looks_at_a_fit_that_runs_and_ends_it(browser):
    x, y = onefit.datasets.xor()
    model = onefit.Sequential(
        [onefit.Input((2,)), Dense(2, "tanh"), Dense(1, "sigmoid")]
    )
    model.compile("sgd", "binary_crossentropy")
    watch = onefit.lab.Monitor()
    seen = []

    class Look(onefit.callbacks.Callback):
        def on_stretch_end(self, epochs, logs):
            if not seen:
                tab = Tab(browser, watch.page.address, bypass_csp=True)
                tab.until("#epoch", r"\d+")
                tab.page.click("#play")
                seen.append(tab)

    history = model.fit(x, y, epochs=2_000_000, callbacks=[watch, Look()], verbose=0)
    assert len(history.epoch) < 2_000_000
    seen[0].until("#said", "This fit is over")
    assert seen[0].page.is_disabled("#play")
    fits(seen[0].page)
    seen[0].end()


def test_fits_that_are_over_are_compared(browser, tmp_path):
    for name, loss in [("one", 0.5), ("two", 0.25)]:
        (tmp_path / f"{name}.csv").write_text(f"epoch,loss\n0,1\n1,{loss}\n")
    narrow = {"viewport": {"width": 400, "height": 800}}
    tab = Tab(browser, opened(Runs(tmp_path)).address, bypass_csp=True, **narrow)
    tab.until("#runs-place table", "one.*0.5.*two.*0.25")
    fits(tab.page)
    tab.end()


def test_it_trains_soon_after_the_command(browser, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b,c\n" + "1,2,x\n2,1,y\n3,5,x\n4,4,y\n" * 10)
    begin = time.monotonic()
    server = Server(str(table), "--target", "c")
    tab = Tab(browser, server.address)
    tab.page.wait_for_selector("#unit-0-0")
    tab.page.click("#play")
    tab.until("#epoch", "[1-9]")
    seconds = time.monotonic() - begin
    server.end()
    tab.end()
    assert seconds < 40  # 2 on an idle machine, whose programs are kept
