"""The settings that a description has beside those that the page has controls for.

They are found from its fields: a number, a whole number or a switch is offered, with
its default and its bounds. Nothing here knows an optimizer, a loss or an initializer by
name.
"""

import math
from collections.abc import Mapping
from typing import Any

from onefit.checks import Between, Whole
from onefit.description import Description, Field, fields
from onefit.errors import invalid, unknown
from onefit.types import Config

__all__ = ["Settings", "checked", "differing", "fitting", "numeric", "offered"]

Settings = Mapping[str, float | int | bool]
"""Settings that differ from a description's defaults, by name."""

ELSEWHERE = {"learning_rate", "seed", "axis", "from_logits", "own_dtype"}
"""Settings that have a control of their own, or that the page takes as they are.

The pictures read a network's output as it stands, not as logits.
"""

MOST = 40
"""Settings that one description is given."""


def numeric(cls: type[Description]) -> dict[str, Field]:
    """The settings of a class that are numbers or switches, by name.

    >>> from onefit.optimizers import SGD
    >>> [name for name in numeric(SGD) if "clip" not in name and "ema" not in name]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['weight_decay', 'loss_scale_factor', 'gradient_accumulation_steps', 'momentum',
     'nesterov']
    """
    return {
        field.alias: field
        for field in fields(cls)
        if field.alias not in ELSEWHERE and kind(field) is not None
    }


def kind(field: Field) -> str | None:
    """'number', 'whole' or 'switch'; None for what is none of them."""
    if isinstance(field.default, bool):
        return "switch"
    if not isinstance(field.default, int | float | None):
        return None
    if isinstance(field.check, Whole):
        return "whole"
    return "number" if field.number and isinstance(field.check, Between) else None


def offered(cls: type[Description], given: Settings, begun: Settings) -> list[Config]:
    """What a page shows of a class: name, kind, value, default and bounds of each.

    Args:
        cls: The class of the optimizer, the loss, the initializer.
        given: What was chosen.
        begun: What stands in place of the class's own defaults.

    >>> from onefit.losses import Huber
    >>> offered(Huber, {"delta": 2.0}, {})  # doctest: +NORMALIZE_WHITESPACE
    [{'name': 'delta', 'kind': 'number', 'value': 2.0, 'default': 1.0, 'least': 0,
      'most': None, 'bounds': '0 < ·'}]
    """
    return [
        {
            "name": name,
            "kind": kind(field),
            "value": given.get(name),
            "default": begun.get(name, field.default),
            **_bounds(field),
        }
        for name, field in numeric(cls).items()
    ]


def _bounds(field: Field) -> Config:
    """The bounds as a field for numbers has them, and as a formula: '0 ≤ · < 1'."""
    check, low, high = field.check, "", ""
    least = most = None
    if isinstance(check, Whole):
        least = check.least
        low = "" if least is None else f"{least} ≤ "
    elif isinstance(check, Between):
        least = check.minimum if check.minimum is not None else check.above
        most = check.maximum if check.maximum is not None else check.below
        low = "" if least is None else f"{least:g} {'<≤'[check.above is None]} "
        high = "" if most is None else f" {'<≤'[check.below is None]} {most:g}"
    bounds = f"{low}·{high}" if low or high else ""
    return {"least": least, "most": most, "bounds": bounds}


def checked(where: str, given: Any) -> Settings:
    """Settings as JSON has them: numbers and switches by name; None is left out.

    Whether a description has them, it says itself when it is made.

    Raises:
        ValueError: What can be no setting of anything.
    """
    if not isinstance(given, dict) or len(given) > MOST:
        raise invalid(where, f"{given!r}"[:60], "an object of numbers by name")
    for name, value in given.items():
        number = isinstance(value, int | float) and math.isfinite(value)
        if value is not None and not number:
            raise invalid(where, f"{name}={value!r}"[:60], "a number, true or false")
    return {str(n)[:40]: v for n, v in given.items() if v is not None}


def fitting(where: str, cls: type[Description], given: Settings) -> dict[str, Any]:
    """Settings as the class takes them; one it does not have is refused.

    Raises:
        ValueError: A setting that it does not have, or that is of another kind.
    """
    known = numeric(cls)
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise unknown(f"setting of {where}", name, known)
        wanted = kind(known[name])
        if (wanted == "switch") != isinstance(value, bool):
            expected = "true or false" if wanted == "switch" else "a number"
            raise invalid(where, f"{name}={value!r}", expected)
        whole = wanted == "whole" and value == int(value)
        found[name] = int(value) if whole else value
    return found


def differing(made: Description, begun: Settings) -> dict[str, Any]:
    """The settings of an object that are not its defaults, as `offered` takes them."""
    found: dict[str, Any] = {}
    for name, field in numeric(type(made)).items():
        value = vars(made).get(field.name)
        if isinstance(value, int | float) and value != begun.get(name, field.default):
            found[name] = value
    return found
