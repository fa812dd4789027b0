"""Losses: what training makes small, by Keras' names.

A class (`MeanSquaredError()`) weighs and reduces to the cost J; its function form
(`mean_squared_error`) gives the loss of each example. One file a family; `base.py` has
the contract, `resolving.py` turns names into objects, `shapes.py` refuses targets and
outputs that do not fit. Losses use descriptions, checks and the registry; they know no
layer, no metric and no training.
"""
# ruff: noqa: F401, F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.losses.base import *
from onefit.losses.functions import LossFunctionWrapper
from onefit.losses.hinge import *
from onefit.losses.overlap import *
from onefit.losses.probabilistic import *
from onefit.losses.regression import *
from onefit.losses.resolving import *
from onefit.losses.sequence import *
from onefit.losses.similarity import *

__all__ = _public(globals())
