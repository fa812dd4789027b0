"""`onefit train`: a table in, a trained network out. Thin over the Python interface."""

import argparse
import json
import os
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from onefit.cli.table import Table, Target, plain, read, target
from onefit.data.rows import digits_lost
from onefit.errors import invalid
from onefit.types import Config

if TYPE_CHECKING:
    from onefit.models import History, Model

__all__ = ["train"]

KINDS = {"binary": "binary", "multiclass": "classes", "regression": None}
"""A problem, as `onefit.suggest` calls its target (numbers say more by themselves)."""


FEW_HELD = 5
"""With fewer held-out rows a test is not reliable."""


def train(arguments: argparse.Namespace) -> int:
    """Trains on the table that the arguments name; returns the exit code."""
    say = (lambda *_: None) if arguments.quiet else print
    table = read(arguments.table)
    column = _target_column(table, arguments, say)
    goal = target(table, column, arguments.problem)
    dropped = [name for name in arguments.drop.split(",") if name]
    out = {column, *(table.index(name, "--drop") for name in dropped)}
    columns = [i for i in range(len(table.header)) if i not in out]
    if not columns:
        raise invalid(table.path, "no column beside the target", "at least one")
    x = table.numbers(columns)
    kept, held = _split(goal, len(x), arguments.held_out, arguments.seed)

    import onefit

    onefit.utils.set_random_seed(arguments.seed)
    say(
        f"\n{table.path}: {len(x):,} rows, {len(columns)} inputs, target "
        f"{table.header[column]!r}"
    )
    say(f"{goal.problem}: the target has {goal.reason}")
    say(
        f"{len(kept):,} rows to train on, {len(held):,} held out for the test (seed "
        f"{arguments.seed})"
    )
    for note in _notes(table, [*columns, column], x, held):
        say(note)
    say()
    # Digits that float32 has no room for are still there in float64.
    origin = np.where(digits_lost(x), x.min(0), 0.0)
    x = (x - origin).astype(np.float32)
    kind = KINDS[goal.problem] or ("real" if goal.y.min() < 0 else "positive")
    idea = onefit.suggest(x[kept], goal.y[kept], _units(arguments.hidden), kind)
    for choice in idea.choices:
        if choice.what not in ("optimizer", "epochs"):  # those are options here
            line = f"{choice.what}: {choice.choice}, since {choice.reason}"
            say(
                textwrap.fill(
                    line,
                    88,
                    initial_indent="  ",
                    subsequent_indent="    ",
                    break_long_words=False,
                )
            )
    say()
    model = idea.model
    model.optimizer.learning_rate = arguments.learning_rate
    if not arguments.quiet:
        model.summary()
    history = model.fit(
        x[kept],
        goal.y[kept],
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        validation_split=0.1,
        verbose=0 if arguments.quiet else "auto",
        callbacks=[
            onefit.callbacks.EarlyStopping(
                patience=arguments.patience, restore_best_weights=True
            )
        ],
    )
    results = {
        "training": model.evaluate(x[kept], goal.y[kept], verbose=0, return_dict=True),
        "held out": model.evaluate(x[held], goal.y[held], verbose=0, return_dict=True),
    }
    report = {
        "table": os.path.basename(table.path),
        "inputs": [table.header[i] for i in columns],
        "subtract": _subtracted(table, columns, origin),
        "target": table.header[column],
        "problem": goal.problem,
        "classes": goal.classes,
        "metrics": results,
        "history": history.history,
    }
    folder = arguments.output or f"onefit-{_stem(table.path)}"
    paths = _write(folder, model, history, report)
    _report(results, history, _baseline(goal, goal.y[kept], goal.y[held]))
    whats = ("the model", "inputs, classes, metrics, history", "its loss by epoch")
    say("\nwritten:")
    for what, path in zip(whats, paths, strict=True):
        say(f"  {path:<34} {what}")
    say("\nuse it from Python:")
    say(f"  model = onefit.load_model({paths[0]!r})")
    less = " - subtract" if origin.any() else ""
    say(f"  model.predict(x{less})   # a row an example, the columns as in report.json")
    return 0


def _subtracted(
    table: Table, columns: list[int], origin: np.ndarray
) -> dict[str, float]:
    """What is subtracted from columns before anything else, by their names."""
    pairs = zip(columns, origin.tolist(), strict=True)
    return {table.header[c]: value for c, value in pairs if value}


def _target_column(
    table: Table, arguments: argparse.Namespace, say: Callable[..., None]
) -> int:
    if arguments.target is None:
        say(f"no --target given: predicting the last column, {table.header[-1]!r}")
        return len(table.header) - 1
    return table.index(arguments.target, "--target")


def _units(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        units = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        units = [0]
    if any(u < 1 for u in units):
        raise invalid("--hidden", repr(text), "positive whole numbers, such as 64,32")
    return units


def _notes(
    table: Table, columns: list[int], x: np.ndarray, held: np.ndarray
) -> list[str]:
    """What to know of how the table was read, and of what it can tell."""
    notes = []
    for c in columns:
        cell = next(
            (row[c] for row in table.rows if plain(row[c]) != row[c].strip()), ""
        )
        if cell:
            notes.append(
                f"column {table.header[c]!r}: {cell!r} is read as {plain(cell)}"
            )
    for c, values in zip(columns, x.T, strict=False):
        if digits_lost(values).any():
            low, high = values.min(), values.max()
            notes.append(
                f"column {table.header[c]!r}: numbers from {low:.15g} to {high:.15g} "
                f"lose digits in float32; {low:.15g} is subtracted first, and has to "
                "be before predict"
            )
    if len(held) < FEW_HELD:
        notes.append(f"{len(held)} held out: too few rows for a test that says much")
    return notes


def _split(
    goal: Target, rows: int, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on, with one of each class at least, and those held out."""
    at = rows - round(rows * share)
    if not 0 < share < 1 or not 1 < at < rows:
        raise invalid(
            "--held-out",
            f"{share} of {rows} rows",
            "a share between 0 and 1 that leaves rows on both sides",
        )
    order = np.random.default_rng(seed).permutation(rows)
    kept, held = order[:at], order[at:]
    if goal.classes is not None:
        _, first = np.unique(goal.y[held], return_index=True)
        moved = held[first[~np.isin(goal.y[held][first], goal.y[kept])]]
        kept, held = np.append(kept, moved), held[~np.isin(held, moved)]
    if not len(held):
        raise invalid(
            "--held-out",
            f"{rows} rows, each of a class of its own",
            "several rows of each class",
            "choose another --target",
        )
    return kept, held


def _baseline(goal: Target, y: np.ndarray, held: np.ndarray) -> tuple[str, str, float]:
    """What one gets without a network: the commonest class, or the mean."""
    if goal.classes is None:
        mae = float(np.abs(held - y.mean()).mean())
        return "mae", f"always saying the mean, {float(y.mean()):.4g}", mae
    common = int(np.bincount(y).argmax())
    name = goal.classes[common]
    return "accuracy", f"always saying {name!r}", float((held == common).mean())


def _report(
    results: dict[str, dict[str, float]],
    history: "History",
    baseline: tuple[str, str, float],
) -> None:
    """Says what came of it: the numbers, beside those that need no network."""
    ends = {"rule": " (stopped early)", "interrupted": " (stopped by Ctrl-C)"}
    end = ends.get(history.stopped or "", "")
    print(f"\ntrained {len(history.epoch)} epochs in {history.seconds:.2f} s{end}")
    for part, numbers in results.items():
        shown = "   ".join(f"{name} {value:.4f}" for name, value in numbers.items())
        print(f"  {part:<10} {shown}")
    metric, words, value = baseline
    print(f"  {'baseline':<10} {metric} {value:.4f} ({words})")


def _write(
    folder: str, model: "Model", history: "History", report: Config
) -> list[str]:
    """The model, its report and the picture of its loss; the paths."""
    os.makedirs(folder, exist_ok=True)
    names = ("model.keras", "report.json", "loss.png")
    paths = [os.path.join(folder, name) for name in names]
    model.save(paths[0])
    with open(paths[1], "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
    from onefit.plots import learning_curves

    learning_curves(history).figure.savefig(paths[2], dpi=150)  # type: ignore[union-attr]
    return paths


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
