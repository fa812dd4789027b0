"""Populations: many networks in one program, by seeds, settings and folds.

A population runs training's own step, epoch and stretches with one more axis in front,
that of its members: `engine.py` has that axis, `axes.py` says what varies,
`fitting.py`, `folds.py`, `search.py` and `tuning.py` are what people call, `Population`
and `Ensemble` what they get; `parts.py` has a population trained by several processes.
It uses models, which its members become, training and data.
"""
# ruff: noqa: F401, F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.population.ensemble import *
from onefit.population.fitting import fit
from onefit.population.folds import *
from onefit.population.parts import gather
from onefit.population.result import Population
from onefit.population.search import (
    grid,
    halving,
    integers,
    loguniform,
    sample,
    uniform,
)
from onefit.population.tuning import *

__all__ = _public(globals())
