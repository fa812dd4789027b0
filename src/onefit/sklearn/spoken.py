"""What other libraries call the settings of an estimator: refused with our name."""

import difflib
from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator

from onefit.errors import mistyped

__all__ = ["THEIRS", "Spoken"]

THEIRS = {
    # scikit-learn's MLPClassifier and MLPRegressor
    "hidden_layer_sizes": "write hidden_layers={value!r}",
    "solver": "write optimizer='adam', or 'sgd', or an optimizer of onefit.optimizers",
    "learning_rate_init": "write learning_rate={value!r}",
    "power_t": "write optimizer=onefit.optimizers.SGD(schedule) with a schedule of "
    "onefit.optimizers.schedules",
    "momentum": "write optimizer=onefit.optimizers.SGD(0.01, momentum={value!r})",
    "nesterovs_momentum": "write optimizer=onefit.optimizers.SGD(0.01, momentum=0.9, "
    "nesterov={value!r})",
    "beta_1": "write optimizer=onefit.optimizers.Adam(beta_1={value!r})",
    "beta_2": "write optimizer=onefit.optimizers.Adam(beta_2={value!r})",
    "epsilon": "write optimizer=onefit.optimizers.Adam(epsilon={value!r})",
    "max_fun": "write max_iter={value!r}",
    # its other estimators
    "C": "write alpha=0.03: a larger alpha is a smaller C",
    "penalty": "write alpha=0.03, the strength of the L2 penalty",
    "n_jobs": "leave it out: a fit is one program",
    "n_estimators": "write n_members={value!r}",
    # Keras
    "epochs": "write max_iter={value!r}",
    "lr": "write learning_rate={value!r}",
    "layers": "write hidden_layers={value!r}",
    "units": "write hidden_layers=({value!r},)",
    "patience": "write n_iter_no_change={value!r}",
    "min_delta": "write tol={value!r}",
    "validation_split": "write early_stopping=True, validation_fraction={value!r}",
    "seed": "write random_state={value!r}",
    "dropout_rate": "write dropout={value!r}",
    "callbacks": "write early_stopping=True, or use onefit.Sequential, which takes "
    "callbacks",
    "metrics": "use sklearn.metrics on what predict gives",
}
"""Settings that others have, and what to write instead."""


class Spoken(BaseEstimator):
    """Refuses settings that are not its own, and says what to write."""

    def __new__(cls, *args: Any, **settings: Any) -> Self:  # noqa: D102
        del args
        cls._refuse(settings)
        return super().__new__(cls)

    def set_params(self, **params: Any) -> Self:
        """Sets parameters by name.

        Raises:
            TypeError: A name that this estimator does not have.
        """
        self._refuse(params)
        return super().set_params(**params)

    @classmethod
    def _refuse(cls, settings: Mapping[str, object]) -> None:
        own = cls._get_param_names()
        for name, value in settings.items():
            if name.split("__")[0] in own:
                continue
            near = difflib.get_close_matches(name, own, 1)
            fix = THEIRS.get(name, f"write {near[0]}={{value!r}}" if near else "")
            raise mistyped(
                cls.__name__,
                f"the setting {name}={value!r}",
                f"one of its {len(own)} settings, as help({cls.__name__}) lists them",
                fix.format(value=value),
            )
