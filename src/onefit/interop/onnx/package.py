"""The package onnx, which has the format; imported where it is used."""

from types import ModuleType

__all__ = ["IR", "MADE_FOR", "onnx"]

MADE_FOR = 18
"""The opset of what is written.

The first in which every reduction takes its axes as an input and Mish is one operation:
runtimes of 2023 and later read it (ONNX Runtime from 1.14 on). Later ones add what
other operations express as well."""

IR = 8
"""The version of the file format that came with that opset."""


def onnx() -> ModuleType:
    """The package, or an error that says how to get it."""
    try:
        import onnx as package
    except ImportError as error:
        raise ImportError(
            "ONNX files need onnx, which is not installed. Write "
            "`pip install onefit[onnx]`."
        ) from error
    return package
