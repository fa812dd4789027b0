"""The package onnx, which has the format; imported where it is used."""

import functools

from onefit.packages import package

__all__ = ["IR", "MADE_FOR", "onnx"]

MADE_FOR = 18
"""The opset of what is written.

The first in which every reduction takes its axes as an input and Mish is one operation:
runtimes of 2023 and later read it (ONNX Runtime from 1.14 on). Later ones add what
other operations express as well."""

IR = 8
"""The version of the file format that came with that opset."""


onnx = functools.partial(package, "onnx", "A file in ONNX' format")
"""The package onnx, or an error that says how to get it."""
