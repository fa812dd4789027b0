"""`onefit train --improve`: changes that have been tried on a plain network of a table.

The networks of `onefit train` are a recipe: their settings are searched (`--best`), not
mended. What a table and its rows ask for is seen on a network that anyone would write
first, and whoever goes on in Python goes on from there.
"""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onefit.guide.improve import Advice
    from onefit.tables import TableModel

__all__ = ["improved", "tried"]

HIDDEN = (64, 32)
FIT = {"epochs": 30, "batch_size": 32}


def tried(model: "TableModel", table: str, made_by: str, seconds: float) -> "Advice":
    """What improves a plain network of the table that a model was trained on.

    Args:
        model: Whose columns, preparation and target are taken.
        table: The file of the table.
        made_by: The line of Python that gives the model.
        seconds: How long it may take, about.
    """
    import onefit
    from onefit.guide.improve import improve
    from onefit.guide.program import Program
    from onefit.guide.suggest import head_of
    from onefit.guide.targets import kind_of

    x, y = model.arrays(table)
    lines = [f"x, y = {made_by}.arrays({table!r})"]
    if model.target.classes is None:
        y = ((y - y.mean()) / (y.std() or 1.0)).astype(np.float32)
        lines.append("y = (y - y.mean()) / y.std()")
        units, activation, loss, metric = 1, "linear", "mse", "mae"
    else:
        head = head_of(kind_of(y))
        units, activation = head.units, head.activation
        loss, metric = head.loss, head.metric
    layers = [onefit.layers.Dense(size, activation="relu") for size in HIDDEN]
    layers.append(onefit.layers.Dense(units, activation=activation))
    plain = onefit.Sequential([onefit.Input(x.shape[1:]), *layers])
    plain.compile("adam", loss, metrics=[metric])
    return improve(Program(plain, x, y, FIT, lines=tuple(lines)), seconds=seconds)


def improved(model: "TableModel", table: str, made_by: str, seconds: float) -> None:
    """Prints what each change brings, and the program of the best."""
    from onefit.tables import read

    if model.target.name not in read(table, **model.facts.get("reading", {})):
        label = f"{model.target.name!r} is one label of several in a column"
        print(f"\n{label}: --improve tries changes for one answer a column.")
        return
    advice = tried(model, table, made_by, seconds)
    sizes = " and ".join(map(str, HIDDEN))
    about = (
        f"what would improve a plain network that predicts {model.target.name!r} "
        f"(hidden layers of {sizes} ReLUs, Adam, {FIT['epochs']} epochs). The model "
        "above is an ensemble whose settings are searched already (--best searches "
        "more): it stays as it is."
    )
    print("\n" + textwrap.fill(about, 88) + f"\n\n{advice}\n\nthe whole program:\n")
    best = advice.best.program if advice.best else advice.origin.program
    print(textwrap.indent(best.code, "    "))
