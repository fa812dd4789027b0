"""wrappers: a compiled model as an estimator of scikit-learn, by Keras' names.

`SKLearnClassifier`, `SKLearnRegressor` and `SKLearnTransformer` are those of Keras 3;
`KerasClassifier` and `KerasRegressor` the older ones, made of a function. Estimators
that choose their network by the data are in `onefit.sklearn`. This room derives from
scikit-learn's classes, so importing it imports scikit-learn.
"""

import inspect
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from onefit.packages import absent

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise absent("sklearn", "onefit.wrappers") from error

from onefit.errors import invalid, mistyped, unknown
from onefit.models import Model
from onefit.networks.cloning import clone_model
from onefit.training.history import History
from onefit.types import Array, Config, Data

__all__ = [
    "KerasClassifier",
    "KerasRegressor",
    "SKLearnClassifier",
    "SKLearnRegressor",
    "SKLearnTransformer",
]

FIT = set(inspect.signature(Model.fit).parameters) - {"self", "x", "y"}
PREDICT = {"batch_size", "verbose", "steps"}


class _Wrapped(BaseEstimator):
    """A model, or a function `f(X, y, **model_kwargs)` that makes a compiled one."""

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Config | None = None,
        fit_kwargs: Config | None = None,
    ) -> None:
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def _made(self, X: Array, y: Array) -> Model:
        """A fresh model: what the function makes, or a copy of the model."""
        where = type(self).__name__
        made = self.model
        if not isinstance(made, Model):
            made = made(X, y, **(self.model_kwargs or {}))
        elif self.model_kwargs:
            raise invalid(
                where,
                "model_kwargs beside a model",
                "a function that takes them",
                "give a function: def make(X, y, **kwargs): return model",
            )
        else:
            made = _copied(made)
        if not isinstance(made, Model):
            raise mistyped(where, repr(made), "a model", "return model at the end")
        if made.compile_settings is None:
            raise invalid(
                where,
                "a model that is not compiled",
                "one with a loss and an optimizer",
                "write model.compile(optimizer='adam', loss='mse') first",
            )
        return made

    def fit(self, X: Data, y: Data, **kwargs: Any) -> Self:
        """Trains a fresh model, or goes on with the last one if `warm_start`.

        Args:
            X: Rows of numbers.
            y: Their targets.
            **kwargs: What `Model.fit` takes beside, before `fit_kwargs`.
        """
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=self._numeric)
        target = self._target(y)
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._made(X, target)
        given: Config = {"verbose": 0} | (self.fit_kwargs or {}) | kwargs
        self.history_: History = self.model_.fit(X, target, **given)
        return self

    _numeric = True

    def _target(self, y: Array) -> Array:
        """The targets as the model sees them: a column, or more."""
        self._flat = y.ndim == 1
        return y[:, None] if y.ndim == 1 else y

    def _outputs(self, X: Data) -> Array:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False)
        return np.asarray(self.model_.predict(X, verbose=0))


class SKLearnClassifier(ClassifierMixin, _Wrapped):
    """A compiled model that says which class, as an estimator of scikit-learn.

    Args:
        model: A compiled model, of which each fit trains a copy with fresh weights, or
            a function `f(X, y, **model_kwargs)` that makes one. y comes as one-hot
            rows, so the last layer has a unit a class, and the loss is
            'categorical_crossentropy'.
        warm_start: Whether a second fit goes on with the model of the first.
        model_kwargs: What the function is given beside.
        fit_kwargs: What `Model.fit` is given beside.

    Attributes:
        model_, history_: The model of the last fit and its History.
        classes_: The labels, in the order of the outputs.

    Example:
        >>> def make(X, y):
        ...     layers = [onefit.layers.Dense(y.shape[1], activation="softmax")]
        ...     model = onefit.Sequential([onefit.Input(X.shape[1:]), *layers])
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> x, y = np.array([[0.0], [1.0], [0.1], [0.9]]), ["no", "yes", "no", "yes"]
        >>> SKLearnClassifier(make, fit_kwargs={"epochs": 5}).fit(x, y).predict(x).shape
        (4,)

    Source: Keras, `keras.wrappers.SKLearnClassifier`.
    """

    _numeric = False

    def _target(self, y: Array) -> Array:
        if y.ndim > 1 and y.shape[1] > 1:
            raise invalid(
                type(self).__name__,
                f"y of shape {y.shape}",
                "one label a row",
                "write y.argmax(axis=1) for one-hot rows",
            )
        self.classes_, numbers = np.unique(y.ravel(), return_inverse=True)
        return np.eye(len(self.classes_))[numbers]

    def decision_function(self, X: Data) -> Array:
        """The model's outputs: a number for each class."""
        return self._outputs(X)

    predict_proba = decision_function

    def predict(self, X: Data) -> Array:
        """The label with the largest output."""
        return self.classes_[self._outputs(X).argmax(axis=1)]


class SKLearnRegressor(RegressorMixin, _Wrapped):
    """A compiled model that gives numbers, as an estimator of scikit-learn.

    Args:
        model, warm_start, model_kwargs, fit_kwargs: As in `SKLearnClassifier`; y comes
            as columns.

    Attributes:
        model_, history_: The model of the last fit and its History.

    Source: Keras, `keras.wrappers.SKLearnRegressor`.
    """

    def predict(self, X: Data) -> Array:
        """The model's outputs, of the shape of y."""
        y = self._outputs(X)
        return y[:, 0] if self._flat else y


class SKLearnTransformer(TransformerMixin, _Wrapped):
    """A compiled model whose outputs are new columns.

    Args:
        model, warm_start, model_kwargs, fit_kwargs: As in `SKLearnClassifier`.

    Source: Keras, `keras.wrappers.SKLearnTransformer`.
    """

    def transform(self, X: Data) -> Array:
        """The model's outputs."""
        return self._outputs(X)


class _Built(_Wrapped):
    """A function that makes a compiled model, with settings for it and for fit."""

    def __init__(
        self, build_fn: Callable[..., Model] | None = None, **sk_params: Any
    ) -> None:
        build_fn = sk_params.pop("model", build_fn)
        if not callable(build_fn) and not isinstance(build_fn, Model):
            raise mistyped(
                type(self).__name__,
                repr(build_fn),
                "a function that makes a compiled model",
                "write build_fn=make, without calling it",
            )
        known = FIT | PREDICT
        if not isinstance(build_fn, Model):
            parameters = inspect.signature(build_fn).parameters
            free = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
            known |= set(sk_params) if free else set(parameters)
        plain = {name.rpartition("__")[2] for name in sk_params}
        for name in plain - known:
            raise unknown(f"setting of {type(self).__name__}", name, sorted(known))
        self.build_fn, self.sk_params = build_fn, sk_params

    def get_params(self, deep: bool = True) -> Config:
        """The settings by name."""
        del deep
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> Self:
        """Changes settings by name."""
        given = self.get_params() | params
        self.__init__(**given)
        return self

    def _chosen(self, names: set[str], prefix: str) -> Config:
        plain = {k.removeprefix(f"{prefix}__"): v for k, v in self.sk_params.items()}
        return {k: v for k, v in plain.items() if k in names}

    warm_start = False

    @property
    def fit_kwargs(self) -> Config:
        """The settings that are fit's."""
        return self._chosen(FIT, "fit")

    def _made(self, X: Array, y: Array) -> Model:
        del X, y
        if isinstance(self.build_fn, Model):
            return _copied(self.build_fn)
        names = set(inspect.signature(self.build_fn).parameters)
        return self.build_fn(**self._chosen(names, "model"))


class KerasClassifier(ClassifierMixin, _Built):
    """A function that makes a compiled classifier, as an estimator (Keras 2, scikeras).

    Args:
        build_fn: The function; `model=` is the same.
        **sk_params: Settings of the function (`hidden=16`, or `model__hidden=16`) and
            of `fit` (`epochs=20`), which a search may vary.

    y may be labels of any kind, which come to the model as their numbers, or as one-hot
    rows if the loss is 'categorical_crossentropy'.

    Source: Keras 2, `keras.wrappers.scikit_learn.KerasClassifier`.
    """

    _numeric = False

    def _target(self, y: Array) -> Array:
        if y.ndim > 1 and y.shape[1] > 1:
            y = y.argmax(axis=1)
        self.classes_, numbers = np.unique(y.ravel(), return_inverse=True)
        return numbers

    def fit(self, X: Data, y: Data, **kwargs: Any) -> Self:
        """Trains a fresh model."""
        X, y = validate_data(self, X, y, multi_output=True)
        target = self._target(y)
        self.model_ = self._made(X, target)
        loss = getattr(self.model_.loss, "name", None)
        if loss == "categorical_crossentropy":
            target = np.eye(len(self.classes_))[target]
        given: Config = {"verbose": 0} | self.fit_kwargs | kwargs
        self.history_ = self.model_.fit(X, target, **given)
        return self

    def predict_proba(self, X: Data) -> Array:
        """The probability of each class."""
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict(self, X: Data) -> Array:
        """The most probable label."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class KerasRegressor(RegressorMixin, _Built):
    """A function that makes a compiled regressor, as an estimator (Keras 2, scikeras).

    Args:
        build_fn, **sk_params: As in `KerasClassifier`.

    Source: Keras 2, `keras.wrappers.scikit_learn.KerasRegressor`.
    """

    def predict(self, X: Data) -> Array:
        """The model's outputs, of the shape of y."""
        y = self._outputs(X)
        return y[:, 0] if self._flat else y


def _copied(model: Model) -> Model:
    """A model with the same layers and settings, and fresh weights."""
    new = clone_model(model)
    settings = model.compile_settings or {}
    if model.optimizer is not None:
        new.compile(model.optimizer.replace(), model.loss, **settings)
    return new
