"""Runs the programs of a page, one after another, as a reader would.

    python docs/run_page.py docs/quick_start.md

It needs nothing but onefit, so it also tries an installed wheel.
"""

import re
import sys
import tempfile
from contextlib import chdir
from pathlib import Path


def run(page: Path) -> int:
    """Runs them in an empty folder; gives how many there were."""
    text = page.read_text("utf-8")
    programs = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    names: dict[str, object] = {"__name__": "page"}
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for number, program in enumerate(programs, 1):
            exec(compile(program, f"{page.name}, program {number}", "exec"), names)
    return len(programs)


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(f"{given}: {run(Path(given).resolve())} programs ran")
