"""Runs first in each process that runs a page's programs: how results are shown.

An Axes, several of them, or a Figure at the end of a program is shown as its picture, a
Figure of its own included, which pyplot does not know.
"""

import io
from typing import Any  # what a program ends with: an Axes, an array of them


def _picture(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=96, bbox_inches="tight")
    return file.getvalue()


def _set_up() -> None:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415

    shell = get_ipython()
    png = shell.display_formatter.formatters["image/png"]
    text = shell.display_formatter.formatters["text/plain"]
    png.for_type_by_name("matplotlib.figure", "Figure", _picture)
    for module in ("_axes.Axes", "projections.polar.PolarAxes"):
        place, _, name = module.rpartition(".")
        png.for_type_by_name(
            f"matplotlib.{'axes.' if place == '_axes' else ''}{place}",
            name,
            lambda ax: _picture(ax.figure),
        )

    def of_array(array: Any) -> bytes | None:
        first = array.flat[0] if array.dtype == object and array.size else None
        return _picture(first.figure) if hasattr(first, "figure") else None

    png.for_type_by_name("numpy", "ndarray", of_array)
    text.for_type_by_name("matplotlib.figure", "Figure", lambda *_: None)


_set_up()
