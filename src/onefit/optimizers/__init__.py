"""Optimizers: how weights move, by Keras' names, defaults and numbers."""
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

__all__ = [*_public(globals()), "schedules"]
