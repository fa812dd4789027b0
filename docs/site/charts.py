"""The charts of the benchmarks, drawn from the tables of benchmarks/README.md."""

import re
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "benchmarks" / "README.md"

PEERS = {
    "torch": ("#D55E00", "o"),
    "keras-jax": ("#0072B2", "s"),
    "keras-tf": ("#009E73", "D"),
    "sklearn": ("#E69F00", "^"),
}
"""Contestants that are drawn, each with a colour and a mark of its own."""


def results(column: str = "x onefit") -> dict[str, dict[str, float]]:
    """What each contestant has in a column, for each piece of work.

    >>> results()["xor"]["onefit"]
    1.0
    """
    found: dict[str, dict[str, float]] = {}
    for section in RESULTS.read_text("utf-8").split("\n### ")[1:]:
        work = section.partition("\n")[0].strip()
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in re.findall(r"^\|.*\|$", section.partition("\n#### ")[0], re.M)
        ]
        if not rows or "contestant" not in rows[0][0] or column not in rows[0]:
            continue
        at = rows[0].index(column)
        found[work] = {
            row[0]: float(row[at].replace(",", ""))
            for row in rows[2:]
            if len(row) > at and row[at]
        }
    return found


def draw(folder: Path) -> None:
    """Writes steps.svg: how many times longer a step takes elsewhere."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    works = {
        work: row
        for work, row in results().items()
        if not work.startswith(("extras", "script", "evaluate", "predict", "row"))
    }
    figure = Figure(figsize=(8, 0.42 * len(works) + 1.2), layout="constrained")
    ax = figure.subplots()
    for peer, (colour, mark) in PEERS.items():
        at = [(row[peer], y) for y, row in enumerate(works.values()) if peer in row]
        ax.plot(*zip(*at, strict=True), mark, color=colour, label=peer, markersize=7)
    ax.axvline(1, color="0.2", linewidth=1)
    ax.set(xscale="log", yticks=range(len(works)), yticklabels=list(works))
    ax.set_xlabel("times the time of onefit's step (right of the line: slower)")
    ax.invert_yaxis()
    ax.grid(axis="x", color="0.9")
    ax.legend(loc="lower right")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "steps.png", dpi=110)
