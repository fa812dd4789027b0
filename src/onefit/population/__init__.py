"""Populations: many networks in one program, by seeds, settings and folds."""

from onefit.population.fitting import fit, grid
from onefit.population.result import Population

__all__ = ["Population", "fit", "grid"]
