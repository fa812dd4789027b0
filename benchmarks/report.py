"""Rows to a table of Markdown, which is also how they are printed."""

import datetime
import math
import os
import platform
import statistics
from pathlib import Path

from benchmarks.harness import Row, Settings
from benchmarks.nets import BLOCKS, HEADS, WINDOW
from benchmarks.works import Work

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
# Other shuffles give other losses; more than this is worth a look.
ODD_LOSS = 0.2
NETWORKS = {
    "cnn": "{0}x{0}x1, conv 3x3x{1} relu, max-pool 2, conv 3x3x{2} relu, max-pool 2, "
    "dense {3}",
    "lstm": "embedding {}x{}, LSTM {}, dense {}",
    "gru": "embedding {}x{}, GRU {}, dense {}",
    "conv1d": f"embedding {{}}x{{}}, conv {WINDOW}x{{}} relu, global max-pool, "
    "dense {}",
    "transformer": f"embedding {{}}x{{}}, {BLOCKS} encoder blocks of {HEADS} heads and "
    "{} relu, mean, dense {}",
}


def describe(work: Work) -> str:
    """One line about a work."""
    text = f"{'-'.join(map(str, work.sizes))} {work.activation}"
    if work.net in NETWORKS:
        text = NETWORKS[work.net].format(*work.sizes)
    text += f", {work.rows:,} rows"
    text += f" of {work.length} tokens" if work.length else ""
    text += f", batch {work.batch_size}"
    if work.kind in ("train", "extras", "script"):
        text += f", {work.optimizer} {work.rate:g}, {work.epochs:,} epochs"
    how = {
        "extras": "; with validation, accuracy, early stopping and a progress bar, "
        "against its own bare time",
        "script": "; a whole fresh process, cold and then with its compile cache",
        "evaluate": "; evaluate, loss only",
        "predict": "; predict, all rows",
        "row": "; predict, one row",
    }
    return text + how.get(work.kind, "")


def columns(work: Work, rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of those who finished."""
    done = [row for row in rows if not row.error]
    base = next((row for row in done if row.name == "onefit" and not row.extras), None)
    title = "x onefit" if base else "x fastest"
    base = base or min(done, key=lambda row: row.median)
    if work.kind == "script":
        head = ["contestant", "cold s", title, "warm s", title]
        return head, [
            [
                row.name + (" (estimated)" if row.estimated else ""),
                number(row.median),
                ratio(row.median, base.median),
                number(statistics.median(row.warm)),
                ratio(statistics.median(row.warm), statistics.median(base.warm)),
            ]
            for row in done
        ]
    training = work.kind in ("train", "extras")
    unit = (
        "us a step" if training else "us a call" if work.kind == "row" else "ms a call"
    )
    scale = (1e6 if unit.startswith("us") else 1e3) / (work.steps if training else 1)
    head = ["contestant", unit, "least..most"]
    head += [title, "compile s", "import s", "peak MB"]
    plural = "epoch" if work.check == 1 else "epochs"
    head += [f"loss, {work.check} {plural}", "epochs a sample"] if training else []
    head += ["x its bare"] if work.kind == "extras" else []
    bare = {row.name: row.median for row in done if not row.extras}
    usual = statistics.median(row.loss for row in done)
    table = []
    for row in done:
        cells = [
            row.label,
            number(row.median * scale),
            f"{number(min(row.samples) * scale)}..{number(max(row.samples) * scale)}",
            ratio(row.median, base.median),
            f"{row.compile_s:.2f}",
            f"{row.import_s:.2f}",
            f"{row.peak_mb:.0f}",
        ]
        if training:
            odd = not math.isclose(row.loss, usual, rel_tol=ODD_LOSS)
            cells += [f"{row.loss:.5g}{' (!)' if odd else ''}", f"{row.units:,}"]
        if work.kind == "extras":
            mine = bare.get(row.name) if row.extras else None
            cells.append(ratio(row.median, mine) if mine else "")
        table.append(cells)
    return head, table


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def ratio(value: float, base: float) -> str:
    return number(value / base)


def section(work: Work, rows: list[Row]) -> str:
    """One work: its line, its table, and who did not finish."""
    lines = [f"### {work.name}", "", describe(work) + ".", ""]
    if any(not row.error for row in rows):
        head, body = columns(work, rows)
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
        for cells in (head, rule, *body):
            first, *others = zip(cells, widths, strict=True)
            padded = [first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)]
            lines.append(f"| {' | '.join(padded)} |")
    failed = [f"* {row.label}: {row.error}" for row in rows if row.error]
    return "\n".join([*lines, *([""] if failed else []), *failed]) + "\n"


def heading(settings: Settings, load: float, rows: list[Row]) -> str:
    """The day, the machine and the versions, without which no number means anything."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0].split(":")[1].strip() if names else cpu
    versions = {name: v for row in rows for name, v in row.versions.items()}
    cores = os.cpu_count() or 1
    busy = "" if load < cores / 2 else " **The machine was busy: measure again.**"
    return (
        f"{datetime.date.today()}; {cpu}, {cores} cores, load {load:.1f} at first; "
        f"{platform.system()}, Python {platform.python_version()}, "
        f"{', '.join(f'{name} {v}' for name, v in sorted(versions.items()))}. Medians "
        f"of {settings.samples} samples of up to {settings.seconds:g} s.{busy}\n"
    )


def write(text: str, file: Path) -> None:
    """Puts the results between the marks of a file, or into a new file."""
    if not file.exists():
        file.write_text(f"{BEGIN}\n{text}\n{END}\n", encoding="utf-8")
        return
    old = file.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise SystemExit(f"{file} has no lines {BEGIN} and {END} to write between.")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    file.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
