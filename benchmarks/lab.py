"""How fast the lab trains and draws, beside the same network in plain script.

    python benchmarks/lab.py

In one browser (Debian's chromium) on one machine: epochs a second on the spiral (500
points, half of them held out, 2-8-8-1, batch 10), with all pictures moving; pictures a
second; seconds from the command to a page that trains. The stand-in draws nothing.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
RUN = "import sys; from onefit.cli import main; sys.exit(main(sys.argv[1:]))"
SECONDS = 5

DESIGN = {
    "data": "spiral",
    "layers": [{"kind": "dense", "units": 8, "activation": "tanh"}] * 2,
    "batch": 10,
}

PAINTED = """() => new Promise((done) => {
  let frames = 0, painted = 0, last = "";
  const begin = performance.now();
  const one = () => {
    frames++;
    const now = document.getElementById("epoch").textContent;
    painted += now !== last;
    last = now;
    const spent = performance.now() - begin;
    if (spent < 5000) requestAnimationFrame(one);
    else done([frames / spent * 1000, painted / spent * 1000]);
  };
  requestAnimationFrame(one);
})"""


def epoch(page: Page) -> int:
    """The epoch that the page shows."""
    return int(page.inner_text("#epoch").split()[0])


def main() -> None:
    """Measures and prints."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", RUN, "lab"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    found = re.search(r"http://\S+", server.stdout.readline())
    assert found
    with sync_playwright() as run:
        browser = run.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        opened = time.perf_counter()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(found[0])
        page.wait_for_selector("#unit-0-0")
        page.click("#play")
        while not epoch(page):
            time.sleep(0.01)
        now = time.perf_counter()
        print(f"command to address {opened - begin:.2f} s (with the browser's start)")
        print(f"page to training   {now - opened:.2f} s")
        page.click("#play")
        token = found[0].partition("token=")[2]
        page.evaluate(
            "([token, design]) => fetch('do', {method: 'POST', headers: "
            "{'content-type': 'application/json', authorization: 'Bearer ' + token}, "
            "body: JSON.stringify({do: 'change', design})})",
            [token, DESIGN],
        )
        page.wait_for_selector("#unit-1-7")
        page.select_option("#speed", "0")
        page.click("#play")
        while epoch(page) < 1000:
            time.sleep(0.05)
        first, began = epoch(page), time.perf_counter()
        frames, painted = page.evaluate(PAINTED)
        pace = (epoch(page) - first) / (time.perf_counter() - began)
        page.click("#play")
        print(f"lab                {pace:,.0f} epochs/s, {painted:.0f} pictures/s")
        print(f"                   ({frames:.0f} frames/s of the browser)")
        empty = browser.new_page()
        empty.add_script_tag(path=HERE / "lab_stand_in.js")
        script = empty.evaluate(f"standIn({SECONDS})")
        print(f"plain script       {script:,.0f} epochs/s")
        print(f"                   {pace / script:.1f} times")
        browser.close()
    server.kill()
    server.communicate()


if __name__ == "__main__":
    main()
