"""Pictures: a History, a model, a Population or a Finding in, matplotlib Axes out.

Each function draws into the Axes it is given, or makes some, and returns them. Plots
use training, networks and what these stand on, for what goes through a network and for
its gradients; matplotlib is imported by the function that draws. They know no models,
no guide and no files.
"""
# ruff: noqa: F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.plots.confusion import *
from onefit.plots.curves import *
from onefit.plots.diagram import *
from onefit.plots.functions import *
from onefit.plots.histograms import *
from onefit.plots.images import *
from onefit.plots.neurons import *
from onefit.plots.plane import *
from onefit.plots.population import *
from onefit.plots.shares import *
from onefit.plots.surface import *

__all__ = _public(globals())
