"""Records a slide's program as `onefit run` runs it: docs/pictures/run.svg.

    python docs/record_run.py

The picture shows each line when it came: the program is run, its lines are timed, and
the times become those of the picture's animation. What it takes on the machine where it
was recorded is what it says.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

DOCS = Path(__file__).parent


def program() -> str:
    """The slide's program, as the page has it."""
    page = (DOCS / "tensorflow.md").read_text("utf-8")
    found = re.search(r"```text\n(import tensorflow as tf\n.*?)```", page, re.S)
    assert found is not None
    return found[1]


def recorded(text: str) -> list[tuple[float, str]]:
    """The lines that a run says, each with the second at which it came."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "xor.py").write_text(text, "utf-8")
        command = [sys.executable, "-u", "-m", "onefit.scripts", "-v", "xor.py"]
        begin = time.perf_counter()
        with subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as run:
            assert run.stdout is not None
            lines = [(time.perf_counter() - begin, ln.rstrip()) for ln in run.stdout]
    assert run.returncode == 0, lines
    return lines


def picture(text: str, lines: list[tuple[float, str]]) -> str:
    """The screen as an SVG; a line is hidden until its second."""
    screen = Console(record=True, width=88, file=io.StringIO(), force_terminal=True)
    screen.print("[bold]$ cat xor.py")
    screen.print(Syntax(text.rstrip(), "python", background_color="default"))
    screen.print("[bold]$ onefit run -v xor.py")
    before = len(text.rstrip().splitlines()) + 2
    for _, line in lines:
        screen.print(line, markup=False, highlight=False)
    svg = screen.export_svg(title="A slide's program, without TensorFlow")
    for number, (second, _) in enumerate(lines):
        clip = f"line-{before + number})"
        svg = re.sub(
            rf'(<text [^>]*{re.escape(clip)}"[^>]*)>',
            rf'\1 opacity="0"><set attributeName="opacity" to="1" '
            rf'begin="{second:.2f}s" fill="freeze"/>',
            svg,
        )
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)  # nothing is fetched


if __name__ == "__main__":
    source = program()
    (DOCS / "pictures" / "run.svg").write_text(
        picture(source, recorded(source)), "utf-8"
    )
