"""Populations: many networks in one program, by seeds, settings and folds."""

from onefit.population.ensemble import Ensemble
from onefit.population.fitting import fit
from onefit.population.folds import cross_validate
from onefit.population.result import Population
from onefit.population.search import (
    grid,
    halving,
    integers,
    loguniform,
    sample,
    uniform,
)
from onefit.population.tuning import tune

__all__ = [
    "Ensemble",
    "Population",
    "cross_validate",
    "fit",
    "grid",
    "halving",
    "integers",
    "loguniform",
    "sample",
    "tune",
    "uniform",
]
