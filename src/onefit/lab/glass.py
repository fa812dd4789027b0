"""The glass box: the numbers of one example, forward and backward, and their formulas.

All of it is the trace's own (`model.trace`).
"""

from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.guide.trace import Trace, trace
from onefit.guide.tracing.text import as_text
from onefit.lab.pictures import floats
from onefit.models import Model
from onefit.types import Config

__all__ = ["formula", "looked_at", "numbers"]

SHOWN = 64
"""Units of a layer whose numbers are sent."""


def looked_at(model: Model, x: Any, y: Any, example: int) -> Trace:
    """The trace of one example.

    Raises:
        ValueError: An example that there is not.
    """
    if not 0 <= example < len(x):
        raise invalid("example", str(example), f"0 to {len(x) - 1}")
    return trace(model, x[example : example + 1], y[example : example + 1])


def numbers(seen: Trace) -> Config:
    """The numbers of a trace as JSON has them: z, a, dJ/dz and dJ/da of each layer.

    Layers stand in the order of the model's; of those that have many units the first
    are there.
    """
    output = seen.outputs[0]
    return {
        "input": floats(np.ravel(seen.x)[:SHOWN]),
        "y": floats(output.y),
        "loss": None if seen.J is None else floats([seen.J])[0],
        "layers": [
            {
                "name": call.name,
                "number": call.number,
                "activation": call.activation,
                "z": _some(call.z),
                "a": _some(call.a),
                "dz": _some(call.dz),
                "da": _some(call.da),
                "dw": _some(call.gradients.get("kernel"), 2048),
                "db": _some(call.gradients.get("bias")),
            }
            for call in seen.calls
        ],
    }


def _some(array: Any, most: int = SHOWN) -> list[float | None] | None:  # numpy, or None
    return None if array is None else floats(np.ravel(array)[:most])


def formula(
    seen: Trace, layer: str, unit: int, weight: str | None, place: tuple[int, ...]
) -> Config:
    """How a unit's numbers come about, or a weight's next one, as lines of text.

    Args:
        seen: The trace of the example.
        layer: The layer's name.
        unit: Which unit, from 0; of a weight the one it leads to.
        weight: The name of a weight, whose step is asked for too.
        place: Which number of it.

    Returns:
        {"forward": lines, "backward": lines, "step": lines}.
    """
    call = seen[layer]
    if not np.isfinite(call.a).all():
        raise invalid(
            "formula",
            "weights that are no numbers",
            "numbers",
            "go back, or start anew",
        )
    units = np.shape(call.a)[-1]
    if not 0 <= unit < units:
        raise invalid("unit", str(unit), f"0 to {units - 1}")
    text = seen.text(1, layer, unit + 1, units=4, terms=9).split("\n")
    back = next((i for i, line in enumerate(text) if line.startswith("Backward")), -1)
    forward = text if back < 0 else text[:back]
    told = {
        "forward": _lines(forward),
        "backward": [] if back < 0 else _lines(text[back:]),
        "step": [],
    }
    if weight is not None and seen.J is not None:
        *worked, _ = seen.step().sections(layer, weight, place)  # the table is long
        told["step"] = _lines(as_text(worked).split("\n"))
    return told


def _lines(text: list[str]) -> list[str]:
    """The lines of a text without its headings."""
    ruled = {i for i, line in enumerate(text) if line and not line.strip("= ")}
    headings = ruled | {i - 1 for i in ruled}
    return [
        line.rstrip()
        for i, line in enumerate(text)
        if i not in headings and line.strip()
    ]
