"""`python -m benchmarks`, from the root of the repository."""

import argparse
import os
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.harness import Settings, compete
from benchmarks.peers import PEERS
from benchmarks.works import WORKS


def _names(known):
    def parse(text):
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(
                f"unknown {', '.join(unknown)}; known: {', '.join(known)}"
            )
        return names

    return parse


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="onefit and its peers, side by side, on the same data.",
    )
    add = parser.add_argument
    add("--only", type=_names(WORKS), default=list(WORKS), metavar="WORK,...")
    add("--peers", type=_names(PEERS), default=list(PEERS), metavar="PEER,...")
    add("--samples", type=int, default=5, help="samples for each median (5)")
    add("--seconds", type=float, default=2.0, help="what a sample may last (2)")
    add(
        "--python-tf",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that has tensorflow and keras, if another one",
    )
    add(
        "--write",
        nargs="?",
        type=Path,
        const=Path(__file__).parent / "README.md",
        metavar="FILE",
        help="write the results into benchmarks/README.md, or into FILE",
    )
    add("--list", action="store_true", help="say what there is, and stop")
    options = parser.parse_args()
    if options.list:
        for work in WORKS.values():
            print(f"{work.name:20}{report.describe(work)}")
        print("peers:", ", ".join(PEERS))
        return
    settings = Settings(
        samples=options.samples, seconds=options.seconds, python_tf=options.python_tf
    )
    load, rows, sections = os.getloadavg()[0], [], []
    for name in options.only:
        mine = compete(settings, WORKS[name], options.peers)
        sections.append(report.section(WORKS[name], mine))
        print(sections[-1], flush=True)
        rows += mine
        heading = report.heading(settings, load, rows)
        if options.write:  # after each work: an interrupted run keeps what it has
            report.write("\n".join([heading, *sections]), options.write)
    print(heading)


if __name__ == "__main__":
    main()
