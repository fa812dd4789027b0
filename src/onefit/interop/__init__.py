"""Interop: models to and from the libraries of others, one room each.

`interop.keras`, `interop.torch` and `interop.onnx` do not know each other. What they
know of a neighbour (which of torch's modules a layer is) is theirs, as a table by
class. They use models, files and everything below; the neighbour's package is imported
by the function that needs it. `load_model` and `Limits` are shown here for programs
that know them by this name.
"""

import importlib
from types import ModuleType

from onefit.files.limits import Limits
from onefit.models.loading import load_model, model_from_json

__all__ = ["Limits", "load_model", "model_from_json"]

_NEIGHBOURS = ("keras", "onnx", "torch")


def __getattr__(name: str) -> ModuleType:
    if name in _NEIGHBOURS:  # imported when it is first asked for
        return importlib.import_module(f"onefit.interop.{name}")
    raise AttributeError(f"module 'onefit.interop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NEIGHBOURS})
