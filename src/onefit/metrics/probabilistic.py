"""How far predicted probabilities are from the targets: the losses, averaged."""

from typing import ClassVar

from onefit.description import number
from onefit.metrics.reduction import MeanOfLoss

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
]


class KLDivergence(MeanOfLoss):
    """The mean of Σⱼ yⱼ log(yⱼ / aⱼ), how far the distribution a is from y.

    Example:
        >>> round(float(KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    loss: ClassVar[str] = "kl_divergence"
    by_output: ClassVar[bool] = False


class Poisson(MeanOfLoss):
    """The mean of a − y log a, for counts y and predicted rates a.

    Example:
        >>> round(float(Poisson()([[0.0], [1.0]], [[1.0], [1.0]])), 4)
        1.0
    """

    loss: ClassVar[str] = "poisson"


class BinaryCrossentropy(MeanOfLoss):
    """The mean of −y log a − (1 − y) log(1 − a).

    Args:
        name, dtype: As in every metric.
        from_logits: Whether a is still to be put through a sigmoid. In `fit` it is
            not: metrics receive probabilities.
        label_smoothing: How far targets are drawn towards 1/2, in [0, 1].

    Example:
        >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 4)
        0.6931

    """

    loss: ClassVar[str] = "binary_crossentropy"

    from_logits: bool = False
    label_smoothing: float = number(default=0.0, minimum=0, maximum=1)


class CategoricalCrossentropy(MeanOfLoss):
    """The mean of −Σⱼ yⱼ log aⱼ, for one-hot targets.

    Args:
        name, dtype: As in every metric.
        from_logits: Whether a is still to be put through a softmax. In `fit` it is
            not: metrics receive probabilities.
        label_smoothing: How far targets are drawn towards equal ones, in [0, 1].
        axis: The axis of the classes.

    Example:
        >>> metric = CategoricalCrossentropy()
        >>> round(float(metric([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    loss: ClassVar[str] = "categorical_crossentropy"
    by_output: ClassVar[bool] = False

    from_logits: bool = False
    label_smoothing: float = number(default=0.0, minimum=0, maximum=1)
    axis: int = -1


class SparseCategoricalCrossentropy(MeanOfLoss):
    """The mean of −log a_y, for targets that are the number of the class.

    Args:
        name, dtype: As in every metric.
        from_logits: Whether a is still to be put through a softmax. In `fit` it is
            not: metrics receive probabilities.
        ignore_class: A class whose examples count as 0, such as padding.
        axis: The axis of the classes.

    Example:
        >>> metric = SparseCategoricalCrossentropy()
        >>> round(float(metric([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    loss: ClassVar[str] = "sparse_categorical_crossentropy"
    by_output: ClassVar[bool] = False

    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1
