"""NNRegressor: a network that says how much."""

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import RegressorMixin

from onefit import config
from onefit.errors import invalid
from onefit.sklearn.estimator import NNEstimator
from onefit.sklearn.tables import Scaler
from onefit.types import ArrayLike, Data

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["NNRegressor"]


class NNRegressor(RegressorMixin, NNEstimator):
    """A network that says how much: one number a row, or several.

    The mean squared error of the standardised targets, plus alpha · Σ W² / n, is
    minimised over n rows. Names are those of scikit-learn's MLPRegressor, where it has
    one for the same thing.

    Args:
        hidden_layers, activation, optimizer, learning_rate, alpha, dropout, batch_size,
            max_iter, shuffle, tol, n_iter_no_change, early_stopping,
            validation_fraction, n_members, warm_start, random_state, verbose: As in
            `NNClassifier`.
        loss: A name, or a loss: 'mae', 'huber', ... in place of the squared error.
        standardize: Whether inputs and targets are shifted and scaled to mean 0 and
            deviation 1; predictions are scaled back. The loss sees scaled targets.

    Attributes:
        target_scaler_: (mean, scale) of the targets, or None. The others as in
            `NNClassifier`, without the classes.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> from onefit.sklearn import NNRegressor
        >>> x, y = load_diabetes(return_X_y=True)
        >>> model = NNRegressor((16,), max_iter=500, random_state=0)
        >>> model.fit(x, y).predict(x[:2]).shape
        (2,)

    Source: lecture 002, "Linear output for regression"; scikit-learn, `MLPRegressor`.
    """

    def partial_fit(
        self, X: Data, y: Data, sample_weight: ArrayLike | None = None
    ) -> Self:
        """One pass over these rows, from where the network is.

        Args:
            X, y, sample_weight: As in `fit`. The scaling is that of the first call.
        """
        return self._partial_fit(X, y, sample_weight, None)

    def predict(self, X: Data) -> np.ndarray:
        """The numbers of each row, (rows,) or (rows, outputs)."""
        z = self._answers(X)
        y = z if self.target_scaler_ is None else self.target_scaler_.back(z)
        return y if self._several else y[:, 0]

    def _learn_targets(
        self,
        y: np.ndarray,
        weights: np.ndarray | None,
        own: np.ndarray,
        goes_on: bool,
        classes: ArrayLike | None,
    ) -> None:
        del classes
        columns = y.reshape(len(y), -1)
        if not goes_on:
            self._several, self._units = y.ndim == 2, columns.shape[1]
            w = None if weights is None else weights[own]
            self.target_scaler_ = (
                Scaler.of(columns[own], w) if self.standardize else None
            )
        elif columns.shape[1] != self._units:
            raise invalid(
                "y", f"{columns.shape[1]} outputs", f"{self._units}, as before"
            )

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        columns = y.reshape(len(y), -1)
        if self.target_scaler_ is None:
            return columns.astype(config.floatx())
        return self.target_scaler_(columns)

    def _output(self) -> tuple[int, str | None]:
        return self._units, None

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
