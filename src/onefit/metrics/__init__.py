"""Metrics: numbers to judge a model by, gathered over batches inside the program.

A metric is three pure functions: `init` gives its sums, `update` adds a batch to them,
`compute` makes the number. Called by itself it keeps its sums and shows them as
variables. One file a family; `resolving.py` finds what "accuracy" means beside a loss.
Metrics use losses, descriptions and variables; they know no layer and no training.
"""
# ruff: noqa: F401, F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
)
from onefit.metrics.accuracy import *
from onefit.metrics.base import Metric, metrics
from onefit.metrics.confusion import *
from onefit.metrics.correlation import *
from onefit.metrics.f_score import *
from onefit.metrics.hinge import *
from onefit.metrics.iou import *
from onefit.metrics.probabilistic import *
from onefit.metrics.reduction import *
from onefit.metrics.regression import *
from onefit.metrics.resolving import *
from onefit.metrics.updated import Updated as _Updated

# After the file of that name, which would take its place.
from onefit.losses import categorical_hinge, hinge, squared_hinge  # isort: skip

__all__ = _public(globals())
