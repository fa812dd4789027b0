"""Pictures: a History or a Finding in, a matplotlib Axes out."""

from onefit.plots.curves import learning_curves

__all__ = ["learning_curves"]
