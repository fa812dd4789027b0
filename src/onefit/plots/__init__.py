"""Pictures: a History, a Population or a Finding in, a matplotlib Axes out."""

from onefit.plots.curves import learning_curves
from onefit.plots.population import (
    heat_map,
    metric_against,
    parallel_coordinates,
    population_curves,
)
from onefit.plots.shares import success_shares, wilson_interval

__all__ = [
    "heat_map",
    "learning_curves",
    "metric_against",
    "parallel_coordinates",
    "population_curves",
    "success_shares",
    "wilson_interval",
]
