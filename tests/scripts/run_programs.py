"""Runs the longer programs of programs.txt and writes programs.md, a table of them.

    python tests/scripts/run_programs.py [--only gan,vae]

Each is checked and, if all that it uses is here, run through with fits cut to two
epochs of twenty batches, all in one process that compiles little. Exit code 1 where one
crashes.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

HERE = Path(__file__).parent


def programs() -> list[tuple[str, str, str]]:
    """Name, description and text of each."""
    text = (HERE / "programs.txt").read_text("utf-8")
    return re.findall(r"^# == (\w+): (.*)\n((?:(?!# == ).*\n)+)", text, re.M)


def ran(text: str) -> tuple[str, str]:
    """How a program ends, and what it said of its error."""
    from onefit.scripts.checking import check_text
    from onefit.scripts.report import following
    from onefit.scripts.running import Program, run

    checked = check_text(text)
    if checked.problems:
        return "refused", "; ".join(f"{p.what}: {p.why}" for p in checked.problems)
    before, said = os.getcwd(), io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(said),
        warnings.catch_warnings(),
        following(quick=True),
    ):
        warnings.simplefilter("ignore")  # the program's own affair
        os.chdir(folder)
        try:
            code = run(Program("<string>", checked, ["-c"], ""))
        finally:
            os.chdir(before)
    return ("crashes" if code else "runs"), said.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    only = [name for name in parser.parse_args().only.split(",") if name]
    os.environ.setdefault("MPLBACKEND", "Agg")
    from onefit.training.compiling import compiles_little

    compiles_little()
    rows, crashed = [], 0
    for name, what, text in programs():
        if only and name not in only:
            continue
        begin = time.process_time()
        end, said = ran(text)
        crashed += end == "crashes"
        seconds = time.process_time() - begin
        rows.append(f"| `{name}` | {what} | {end} | {seconds:.1f} |")
        print(rows[-1], said[-600:] if end != "runs" else "", sep="\n", flush=True)
    if not only:
        head = "| program | what it is | | seconds of processor |\n|---|---|---|---:|\n"
        (HERE / "programs.md").write_text(head + "\n".join(rows) + "\n", "utf-8")
    return int(crashed > 0)


if __name__ == "__main__":
    sys.exit(main())
