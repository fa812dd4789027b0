"""The hinge losses, averaged."""

from typing import ClassVar

from onefit.metrics.reduction import MeanOfLoss

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge"]


class Hinge(MeanOfLoss):
    """The mean of max(0, 1 − y a), with y of −1 and 1 (0 counts as −1).

    Example:
        >>> float(Hinge()([[-1.0], [1.0]], [[0.0], [0.5]]))
        0.75
    """

    loss: ClassVar[str] = "hinge"


class SquaredHinge(MeanOfLoss):
    """The mean of max(0, 1 − y a)², with y of −1 and 1 (0 counts as −1).

    Example:
        >>> float(SquaredHinge()([[-1.0], [1.0]], [[0.0], [0.5]]))
        0.625
    """

    loss: ClassVar[str] = "squared_hinge"


class CategoricalHinge(MeanOfLoss):
    """The mean of max(0, 1 + max of the wrong classes' a − a of the right class).

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
        1.25
    """

    loss: ClassVar[str] = "categorical_hinge"
    by_output: ClassVar[bool] = False
