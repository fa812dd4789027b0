"""Takes the pictures of docs/lab.md in a browser (Debian's chromium and playwright).

python docs/draw_lab.py [FOLDER]
"""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from onefit.lab.design import Design
from onefit.lab.desk import Lab
from onefit.lab.running import opened

DENSE = {"kind": "dense", "units": 6, "activation": "tanh"}
CONVOLUTION = {"kind": "conv", "units": 6, "size": 3, "activation": "relu"}


def trained(epochs: int) -> Callable[[Page, Lab], None]:
    """Trains so many epochs."""

    def do(page: Page, lab: Lab) -> None:
        del page
        lab.engine.run(epochs)
        lab.ask({"do": "step"}).result()

    return do


def inside(page: Page, lab: Lab) -> None:
    """Opens a unit."""
    trained(30)(page, lab)
    page.click("#unit-0-1")
    expect(page.locator("#inspect")).to_contain_text("w := w")
    page.evaluate("document.getElementById('inspect').scrollIntoView({block: 'end'})")


def many(page: Page, lab: Lab) -> None:
    """Trains from many seeds."""
    del lab
    page.fill("#seeds", "60")
    page.click("#several")
    page.locator(".tiles canvas").first.wait_for(timeout=60_000)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")


def surveyed(page: Page, lab: Lab) -> None:
    """Draws the map of two settings."""
    del lab
    page.fill("#many-epochs", "50")
    page.select_option("#map-upwards", "beta_1")
    page.click("#survey")
    page.locator(".grid td").first.wait_for(timeout=120_000)
    page.locator(".grid").scroll_into_view_if_needed()


def stepped(page: Page, lab: Lab) -> None:
    """Steps, so that the path over the surface has its points."""
    del page
    for _ in range(40):
        lab.ask({"do": "step"}).result()


def korean(page: Page, lab: Lab) -> None:
    """Turns to Korean."""
    trained(40)(page, lab)
    page.select_option("#language", "ko")


SHOWN: dict[str, tuple[Any, Any]] = {
    "lab-network": (
        Design(data="spiral", layers=(DENSE, DENSE), rate=0.1),
        trained(900),
    ),
    "lab-inside": (Design(data="xor", layers=(DENSE,)), inside),
    "lab-guide": (
        Design(data="circle", layers=({**DENSE, "activation": "linear"},) * 2),
        trained(20),
    ),
    "lab-many": (Design(data="xor", layers=({**DENSE, "units": 3},)), many),
    "lab-map": (
        Design(data="circle", layers=({**DENSE, "units": 3},), optimizer="adam"),
        surveyed,
    ),
    "lab-images": (
        Design(
            data="images",
            rows=600,
            layers=(CONVOLUTION, {"kind": "pool"}, {**DENSE, "units": 12}),
            optimizer="adam",
            rate=0.003,
        ),
        trained(10),
    ),
    "lab-lesson": ("optimizers", stepped),
    "lab-korean": ("piecewise", korean),
}


ON_THE_PAGE = ("lab-network", "lab-inside", "lab-many", "lab-map", "lab-lesson")


def main() -> None:
    """Takes all pictures, light and dark, wide and narrow where a folder is given."""
    own = len(sys.argv) > 1
    folder = Path(sys.argv[1]) if own else Path(__file__).parent / "pictures"
    looks = [(1280, "light")]
    if own:
        looks += [(1280, "dark"), (400, "light"), (400, "dark")]
    with sync_playwright() as run:
        browser = run.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (begin, do) in SHOWN.items():
            if not own and name not in ON_THE_PAGE:
                continue
            lesson = begin if isinstance(begin, str) else None
            with Lab(None if lesson else begin, lesson=lesson) as lab:
                address = opened(lab).address
                for width, scheme in looks:
                    size: Any = {"width": width, "height": 860}
                    look: Any = scheme
                    page = browser.new_page(viewport=size, color_scheme=look)
                    page.goto(address)
                    page.wait_for_selector("#unit-0-0")
                    do(page, lab)
                    expect(page.locator("#epoch")).to_have_text(re.compile(r"\d"))
                    page.wait_for_timeout(1500)
                    suffix = f"-{width}-{scheme}" if own else ""
                    path = folder / f"{name}{suffix}.png"
                    page.screenshot(path=path, full_page=own)
                    page.close()
                    if not own:  # a third of the bytes, and looks the same
                        Image.open(path).quantize(128).save(path, optimize=True)
                    print(path)
        browser.close()


if __name__ == "__main__":
    main()
