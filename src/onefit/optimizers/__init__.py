"""Optimizers: how weights move, by Keras' names, defaults and numbers.

An optimizer is a pair of pure functions, `init` and `update`. Its state is the one
place of the learning rate, of `iterations` and of what its rule remembers; schedules of
the rate are in `schedules.py`. A file a family, `rules.py` for what the rules share.
Optimizers use descriptions and variables; they know no layer, no loss and no training.
"""
# ruff: noqa: F403, PLE0604
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.optimizers import schedules
from onefit.optimizers.adam import *
from onefit.optimizers.adaptive import *
from onefit.optimizers.base import *
from onefit.optimizers.gradient_descent import *
from onefit.optimizers.layerwise import *
from onefit.optimizers.resolving import *
from onefit.optimizers.stepped import Stepped as _Stepped  # noqa: F401
from onefit.optimizers.wrapping import *

__all__ = [*_public(globals()), "schedules"]
