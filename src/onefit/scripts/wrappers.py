"""keras.wrappers.scikit_learn: a function that makes a model, as an estimator.

`onefit.sklearn` has estimators that choose their network by the data; these are for
scripts of Keras 2, which had them in Keras itself.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from onefit.packages import absent

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise absent("sklearn", "keras.wrappers") from error

from onefit.models import Model

__all__ = ["KerasClassifier", "KerasRegressor"]

_FIT = [name for name in inspect.signature(Model.fit).parameters if name != "self"]


class _Wrapper(BaseEstimator):
    """What both are."""

    def __init__(
        self,
        build_fn: Callable[..., Model] | None = None,
        model: Callable[..., Model] | None = None,
        **sk_params: Any,
    ) -> None:
        self.build_fn, self.model = build_fn, model
        self.sk_params = sk_params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The function, and the settings for it and for fit."""
        given = {k: v for k, v in vars(self).items() if k in ("build_fn", "model")}
        return given | self.sk_params

    def set_params(self, **params: Any) -> Any:
        """Sets some of them."""
        for name in ("build_fn", "model"):
            if name in params:
                setattr(self, name, params.pop(name))
        self.sk_params |= params
        return self

    def _made(self, x: Any, y: Any, given: dict[str, Any]) -> Any:
        make = self.build_fn or self.model
        assert make is not None
        wanted = inspect.signature(make).parameters
        settings = {k: v for k, v in self.sk_params.items() if k in wanted}
        options = {k: v for k, v in self.sk_params.items() if k in _FIT} | given
        self.model_ = make(**settings)
        self.history_ = self.model_.fit(x, y, **options)
        return self


class KerasClassifier(ClassifierMixin, _Wrapper):
    """A classifier of a function that makes a compiled model.

    Args:
        build_fn, model: The function; its settings may be given beside it.
        **sk_params: Settings of the function and of `fit`: epochs, batch_size.
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Makes a model and trains it; y may be classes or one-hot rows."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
            return self._made(X, y, kwargs)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        return self._made(X, numbers.reshape(y.shape), kwargs)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The chance of each class."""
        p = self.model_.predict(X, verbose=0)
        return np.hstack([1 - p, p]) if p.shape[-1] == 1 else p

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row."""
        return self.classes_[self.predict_proba(X).argmax(-1)]


class KerasRegressor(RegressorMixin, _Wrapper):
    """A regressor of a function that makes a compiled model.

    Args:
        build_fn, model: The function; its settings may be given beside it.
        **sk_params: Settings of the function and of `fit`: epochs, batch_size.
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Makes a model and trains it."""
        return self._made(X, y, kwargs)

    def predict(self, X: Any) -> np.ndarray:
        """The answer for each row."""
        return np.squeeze(self.model_.predict(X, verbose=0), -1)
