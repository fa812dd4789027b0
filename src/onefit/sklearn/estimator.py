"""What NNClassifier and NNRegressor share: settings, fitting, predicting, storing."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import jax
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_X_y
from sklearn.utils.validation import (
    _num_samples,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from onefit import config, population
from onefit.callbacks import EarlyStopping
from onefit.errors import OnefitWarning, invalid
from onefit.losses.base import Loss
from onefit.losses.resolving import as_loss
from onefit.models import History, Model
from onefit.sklearn.frames import Frames, refuse_odd
from onefit.sklearn.networks import (
    ALPHA,
    LOSSES,
    HiddenLayers,
    Packed,
    answer,
    drawing,
    hidden,
    network,
    numbered,
    optimizer_of,
    packed,
    unpacked,
)
from onefit.sklearn.spoken import Spoken
from onefit.sklearn.tables import Scaler, Table, folds_of, held_out, weights_of
from onefit.training import loop
from onefit.training.options import FitOptions, whole
from onefit.training.prepare import build_job
from onefit.types import ArrayLike, Config, Data, Identifier

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["NNEstimator", "curves_of", "refuse_diverged"]

SPARSE = ("csr", "csc", "coo")
FLOATS = (np.float64, np.float32)

FEW = 100
"""Rows up to which a table is small.

It is computed in float64, as scikit-learn does: there that costs next to nothing, and a
row twice is a row of weight 2 to 7 digits. All its rows make one step, so nothing
depends on which rows meet in a batch; and all are trained on, since a loss over the few
that could be held out would say little.
"""

MANY = 2000
"""Rows from which a tenth is held out by default: enough are left to train on.

Up to here the penalty alone keeps a network from learning noise by heart.
"""

BATCHES, LEAST, MOST = 8, 32, 200
"""Steps in an epoch of a larger table, and the rows in a step that this may make.

Too few steps an epoch, and training stops after `n_iter_no_change` epochs before it has
gone anywhere; beyond 200 rows a step takes longer and is hardly a better one.
"""

ALPHAS = (ALPHA, 0.2, 1.5, 10.0)
"""Strengths of the penalty from which the folds choose: what a table bears depends on
its noise, which only the table knows. 1.5 wipes out a shape without noise of 100 rows;
a plane through 400 noisy rows (diabetes) does best with 10.
"""

FOLDS, STEPS = 4, 300
"""The folds, and the steps of their networks: which alpha is best shows early."""

GAIN = 0.01
"""The share of the constant prediction's loss that counts as having learned."""

ASKED = 4096
"""Rows that are asked to see whether anything was learned."""


class NNEstimator(Spoken, BaseEstimator):
    """What NNClassifier and NNRegressor share; the arguments are explained there."""

    _default_loss: str = "mse"
    alpha_: float
    scaler_: Scaler | None
    frames_: Frames | None

    def __init__(
        self,
        hidden_layers: HiddenLayers = (100,),
        activation: Identifier = "relu",
        *,
        optimizer: Identifier = "adam",
        learning_rate: float | None = None,
        loss: Identifier = None,
        alpha: float | str = "auto",
        dropout: float = 0.0,
        batch_size: int | str = "auto",
        max_iter: int = 500,
        shuffle: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        standardize: bool = True,
        n_members: int = 1,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | str = 0,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.alpha = alpha
        self.dropout = dropout
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.standardize = standardize
        self.n_members = n_members
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # Fitting -------------------------------------------------------------------------

    def fit(self, X: Data, y: Data, sample_weight: ArrayLike | None = None) -> Self:
        """Trains the network.

        Args:
            X: Inputs, (rows, features): arrays, lists, scipy's sparse matrices; a
                DataFrame of pandas also with text, categories, dates and empty cells.
            y: Targets, (rows,), or (rows, outputs) for several outputs or labels.
            sample_weight: A weight for each row. A row of weight k counts as k rows.

        Returns:
            The estimator itself.

        Raises:
            ValueError, TypeError: What cannot be meant, before anything is compiled.
        """
        self._check()
        goes_on = self.warm_start and hasattr(self, "model_")
        seeds = self._seeds()
        with self._as_it_was(), self._learning(X, goes_on):
            table = self._table(X, y, sample_weight, seeds[0], goes_on)
            if not (goes_on and self.alpha == "auto"):
                self.alpha_ = self._strength(table, seeds[0])
            if self.n_members > 1:
                self._fit_members(table, seeds)
            else:
                old = self.model_ if goes_on else None
                self._fit_one(self._model(table, old), table, seeds[0], old is not None)
            self._warn_unless_learned(table)
        return self

    def _partial_fit(
        self,
        X: Data,
        y: Data,
        sample_weight: ArrayLike | None,
        classes: ArrayLike | None,
    ) -> Self:
        """One pass over these rows, from where the network is."""
        self._check()
        stops = self.early_stopping is True
        if stops or self.n_members > 1:
            raise invalid(
                f"{type(self).__name__}.partial_fit",
                "early_stopping=True" if stops else f"n_members={self.n_members}",
                "one network that sees all of the rows",
                "use fit",
            )
        goes_on = hasattr(self, "model_")
        seed = self._seeds()[0]
        with self._as_it_was(), self._learning(X, goes_on):
            table = self._table(X, y, sample_weight, seed, goes_on, classes, once=True)
            if not goes_on:
                self.alpha_ = ALPHA if self.alpha == "auto" else cast(float, self.alpha)
            model = self.model_ if goes_on else self._model(table, None)
            self._fit_one(model, table, seed, goes_on, once=True)
        return self

    @contextlib.contextmanager
    def _as_it_was(self) -> Iterator[None]:
        """Leaves the estimator as it was, should fitting fail."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    @contextlib.contextmanager
    def _learning(self, X: Data, goes_on: bool) -> Iterator[None]:
        """Computes in the float type of this table, or the one it has begun with."""
        if not goes_on:
            few = _num_samples(X) <= FEW
            self._floatx = "float64" if few else config.floatx()
        with config.precision(self._floatx):
            yield

    def _table(
        self,
        X: Data,
        y: Data,
        sample_weight: ArrayLike | None,
        seed: int,
        goes_on: bool,
        classes: ArrayLike | None = None,
        once: bool = False,
    ) -> Table:
        """Checks the data and learns from it what is not the network's to learn."""
        if isinstance(self, RegressorMixin) and np.asarray(y).dtype.kind in "US":
            raise invalid(
                type(self).__name__,
                "y of text",
                "numbers",
                "use NNClassifier for classes",
            )
        X, y = self._checked(X, y, not goes_on)
        if hasattr(y, "toarray"):  # of many labels
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        known = getattr(self, "classes_", None) if goes_on else classes
        by_class = getattr(self, "class_weight", None)
        weights = weights_of(X, y, sample_weight, by_class, known)
        total = float(len(y) if weights is None else weights.sum())
        own, held = np.arange(len(y)), None
        share = 0.0 if once else self._share(len(y))
        if share:
            own, held = held_out(y, share, seed, isinstance(self, ClassifierMixin))
            total *= len(own) / len(y)
        self._learn_targets(y, weights, own, goes_on, classes)
        x = X.toarray() if hasattr(X, "toarray") else X
        if not goes_on and self.standardize:
            self.scaler_ = Scaler.of(x[own], None if weights is None else weights[own])
        elif not goes_on:
            self.scaler_ = None
        x, z = self._scaled(x), self._encoded(y)
        w = None
        if weights is not None:
            w = (weights / weights[own].mean()).astype(config.floatx())
        if held is None:
            return Table(x, z, w, total, None)
        rows = [(x[at], z[at], None if w is None else w[at]) for at in (own, held)]
        (x, z, w), rest = rows
        return Table(x, z, w, total, rest)

    def _checked(self, X: Data, y: Data, fresh: bool) -> tuple[Data, np.ndarray]:
        """Rows of numbers, and their targets, as scikit-learn checks them."""
        if fresh:
            self.frames_ = Frames.of(type(self).__name__, X)
        numeric = isinstance(self, RegressorMixin)
        if self.frames_ is not None:
            validate_data(self, X, skip_check_array=True, reset=fresh)
            x = self.frames_(X)
            return check_X_y(x, y, multi_output=True, y_numeric=numeric)  # type: ignore
        refuse_odd(type(self).__name__, X)
        checked: Any = validate_data(
            self,
            X,
            y,
            accept_sparse=SPARSE,
            dtype=FLOATS,
            multi_output=True,
            y_numeric=numeric,
            reset=fresh,
        )
        x, y = checked
        return x, y

    def _model(self, table: Table, old: Model | None) -> Model:
        """The network with its compile, and the weights of the old one, if any."""
        alpha, features = self.alpha_ / table.total, table.x.shape[1]
        layers = hidden(
            self.hidden_layers, features, self.activation, self.dropout, alpha
        )
        with drawing(0):  # the weights are drawn when it is trained
            model = network(layers, features, self._output(), alpha)
            if old is not None:
                shapes = [[np.shape(w) for w in m.get_weights()] for m in (old, model)]
                if shapes[0] != shapes[1]:
                    raise invalid(
                        type(self).__name__,
                        f"hidden_layers={self.hidden_layers!r} and rows "
                        f"that make weights of {shapes[1]}",
                        f"the network of the last fit, of {shapes[0]}, since "
                        "warm_start=True goes on with it",
                        "set warm_start=False, or leave hidden_layers as it was",
                    )
                model.set_weights(old.get_weights())
        self._compile(model)
        return model

    def _strength(self, table: Table, seed: int) -> float:
        """The alpha asked for, or of ALPHAS the one with the least loss on folds.

        Each of them is trained on each fold's other rows, all at once.
        """
        if self.alpha != "auto":
            return cast(float, self.alpha)
        self.alpha_ = ALPHA  # the networks of the folds have theirs in its place
        pairs = folds_of(table, FOLDS) if len(table.x) <= MANY else []
        if not pairs:
            return ALPHA
        model = self._model(table, None)
        model.compile(model.optimizer, self._loss(), weighted_metrics=[self._loss()])
        own = table._replace(x=table.x[pairs[0][0]], held=None)
        options = self._options(own)
        steps = -(-len(own.x) // options["batch_size"])
        options["epochs"] = min(self.max_iter, max(STEPS // steps, 1))
        paths = numbered(model, "alpha", not callable(self.hidden_layers))
        total = table.total * len(own.x) / len(table.x)
        values = [alpha / total for alpha in ALPHAS]
        with drawing(seed):
            many = population.cross_validate(
                model,
                table.x,
                table.y,
                cv=pairs,
                seeds=[seed],
                vary=dict.fromkeys(paths, values),
                sample_weight=table.w,
                verbose=0,
                **{**options, "callbacks": []},
            )
        if many.interrupted:
            raise KeyboardInterrupt
        [name] = [k for k in many.history if k.startswith("val_") and k != "val_loss"]
        lost = many.final(name).reshape(len(pairs), len(ALPHAS)).mean(axis=0)
        few = len(table.x) <= FEW
        if not np.isfinite(lost).any() or (
            few and np.nanmin(lost) > (1 - GAIN) * self._constant_loss(table)
        ):
            return ALPHA  # what is left of so few rows does not show what they have
        return ALPHAS[int(np.nanargmin(lost))]

    def _compile(self, model: Model) -> None:
        optimizer = optimizer_of(self.optimizer, self.learning_rate)
        model.compile(optimizer, self._loss())

    def _share(self, rows: int) -> float:
        """The share of the rows to hold out."""
        if self.early_stopping != "auto":
            return self.validation_fraction if self.early_stopping else 0.0
        return self.validation_fraction if rows > MANY else 0.0

    def _options(self, table: Table) -> Config:
        """The settings of a fit, of one network or of many."""
        n = len(table.x)
        size = n if n <= FEW else min(max(n // BATCHES, LEAST), MOST)
        monitor = "loss" if table.held is None else "val_loss"
        stop = EarlyStopping(
            monitor,
            min_delta=max(self.tol, 0.0),
            patience=int(min(self.n_iter_no_change, 1 << 30)),
            restore_best_weights=table.held is not None,
        )
        return {
            "batch_size": size
            if self.batch_size == "auto"
            else min(self.batch_size, n),
            "epochs": self.max_iter,
            "shuffle": self.shuffle,
            "callbacks": [stop],
        }

    def _fit_one(
        self, model: Model, table: Table, seed: int, goes_on: bool, once: bool = False
    ) -> None:
        options = self._options(table)
        if once:
            options |= {"epochs": 1, "callbacks": []}
        with drawing(seed):
            if not goes_on:
                model.initialize()
            job = build_job(
                model,
                table.x,
                table.y,
                FitOptions(
                    sample_weight=table.w,
                    validation_data=_validation(table),
                    verbose=self.verbose,
                    **options,
                ),
            )
        history = loop.fit(job, History(model))
        if history.stopped == "interrupted":
            if not history.epoch:
                raise KeyboardInterrupt
            warnings.warn("Training interrupted by user.", stacklevel=4)
        refuse_diverged(type(self).__name__, [history.history["loss"][-1]])
        # Weights as numpy has them: in float32 outside of this float type, too.
        slot = model.graph.slot
        model.graph.store(*jax.tree.map(np.asarray, (slot.params, slot.state)))
        self.model_ = model
        if once and goes_on:
            self.loss_curve_ = [*self.loss_curve_, *history.history["loss"]]
            self.n_iter_ += 1
            return
        curves = {k: np.asarray(v)[None] for k, v in history.history.items()}
        vars(self).update(curves_of(curves, [len(history.epoch)]))
        self._warn_unless_done(history.stopped is None and not once)

    def _fit_members(self, table: Table, seeds: list[int]) -> None:
        model = self._model(table, None)
        with drawing(seeds[0]):
            many = population.fit(
                model,
                table.x,
                table.y,
                seeds=seeds,
                sample_weight=table.w,
                validation_data=_validation(table),
                verbose=self.verbose,
                **self._options(table),
            )
            if many.interrupted:
                raise KeyboardInterrupt
            refuse_diverged(type(self).__name__, many.final("loss"))
            self.model_ = many.ensemble()
        vars(self).update(curves_of(many.history, many.epochs))
        self._warn_unless_done(None in many.stopped)

    def _warn_unless_done(self, reached_end: bool) -> None:
        if reached_end and self.n_iter_no_change < self.max_iter:
            warnings.warn(
                f"{type(self).__name__}: the loss still falls after max_iter="
                f"{self.max_iter} epochs. Write a larger max_iter or learning_rate, "
                "or early_stopping=True.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _lost(self, table: Table, answers: np.ndarray) -> float:
        """The loss of these answers, without the penalty."""
        return float(self._loss()(table.y, answers, table.w))

    def _constant_loss(self, table: Table) -> float:
        """The loss of the best single answer for all rows."""
        constant = self._constant(table.y, table.w)
        shape = len(table.y), len(constant)
        return self._lost(table, np.broadcast_to(constant, shape))

    def _warn_unless_learned(self, table: Table) -> None:
        """Warns if the network answers no better than one number for all rows."""
        step = -(-len(table.x) // ASKED)
        asked = table._replace(
            x=table.x[::step],
            y=table.y[::step],
            w=None if table.w is None else table.w[::step],
        )
        answers = answer(self.model_, asked.x)
        found, least = self._lost(asked, answers), self._constant_loss(asked)
        # Columns of noise gain about columns / rows on the rows they were fitted to;
        # of few rows nothing is known.
        chance = table.x.shape[1] / len(table.x)
        gain = GAIN + (chance if chance <= 0.1 else 0.0)
        if not least > 1e-6 or found < (1 - gain) * least:
            return
        fixes = {
            "standardize=True": not self.standardize,
            f"a smaller alpha (it is {self.alpha_:g})": self.alpha_ > ALPHA,
            "a larger learning_rate": self.learning_rate is not None,
            f"a larger max_iter (it is {self.max_iter})": self.n_iter_ == self.max_iter,
            "early_stopping=False": table.held is not None,
        }
        tries = [fix for fix, of_use in fixes.items() if of_use]
        tries.append("other columns: these may say nothing of y")
        warnings.warn(
            f"{type(self).__name__} has learned nothing: on its own {len(table.x)} "
            f"rows of {table.x.shape[1]} columns its loss is {found:.4g}, and one "
            f"answer for all of them has {least:.4g}. Try {', or '.join(tries)}.",
            OnefitWarning,
            stacklevel=3,
        )

    # Settings ------------------------------------------------------------------------

    def _check(self) -> None:
        """Refuses settings that nothing further inside would refuse in these words."""
        for name in ("max_iter", "n_members"):
            whole(name, getattr(self, name), 1)
        for name in ("shuffle", "early_stopping", "standardize", "warm_start"):
            value, auto = getattr(self, name), name == "early_stopping"
            if not (isinstance(value, bool | np.bool_) or (auto and value == "auto")):
                expected = "True, False or 'auto'" if auto else "True or False"
                raise invalid(type(self).__name__, f"{name}={value!r}", expected)
        if self.batch_size != "auto":
            whole("batch_size", self.batch_size, 1)
        ranges = (
            ("alpha", lambda v: v >= 0, "0 or more, or 'auto'"),
            ("dropout", lambda v: 0 <= v < 1, "from 0 to below 1"),
            ("n_iter_no_change", lambda v: v >= 1, "1 or more"),
            ("tol", lambda v: not np.isnan(v), "how much the loss has to fall"),
        )
        for name, fits, expected in ranges:
            value = getattr(self, name)
            if name == "alpha" and isinstance(value, str) and value == "auto":
                continue
            if not isinstance(value, int | float | np.number) or not fits(value):
                raise invalid(
                    type(self).__name__, f"{name}={value!r}", f"a number, {expected}"
                )
        share = self.validation_fraction
        share_fits = isinstance(share, float | np.floating) and 0 < share < 1
        if self.early_stopping and not share_fits:
            raise invalid(
                type(self).__name__,
                f"validation_fraction={share!r}",
                "a share between 0 and 1",
                "write validation_fraction=0.1",
            )
        if self.n_members > 1 and self.warm_start:
            raise invalid(
                type(self).__name__,
                f"warm_start=True with n_members={self.n_members}",
                "one network to go on with",
                "leave one of them out",
            )

    def _seeds(self) -> list[int]:
        """A seed for each member, drawn from `random_state`."""
        random = check_random_state(self.random_state)
        most = np.iinfo(np.int32).max
        return [int(seed) for seed in random.randint(most, size=self.n_members)]

    def _loss(self) -> Loss:
        if isinstance(self.loss, str):
            named = LOSSES.get(self.loss, self.loss)
        else:
            named = self._default_loss if self.loss is None else self.loss
        return cast(Loss, as_loss(named))

    # What the two kinds do differently: learning from y, encoding it, the output layer.

    def _learn_targets(
        self,
        y: np.ndarray,
        weights: np.ndarray | None,
        own: np.ndarray,
        goes_on: bool,
        classes: ArrayLike | None,
    ) -> None:
        raise NotImplementedError

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _constant(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """The best single answer for these encoded targets: their mean."""
        return np.average(y.reshape(len(y), -1), axis=0, weights=weights)

    def _output(self) -> tuple[int, str | None]:
        """The units and the activation of the output layer."""
        raise NotImplementedError

    # Predicting ----------------------------------------------------------------------

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        if self.scaler_ is None:
            return x.astype(config.floatx(), copy=False)
        return self.scaler_(x)

    def _answers(self, X: Data) -> np.ndarray:
        """The network's outputs, (rows, units)."""
        check_is_fitted(self, "model_")
        if self.frames_ is not None:
            validate_data(self, X, skip_check_array=True, reset=False)
            x = self.frames_(X)
        else:
            refuse_odd(type(self).__name__, X)
            X = validate_data(self, X, accept_sparse=SPARSE, dtype=FLOATS, reset=False)
            x = X.toarray() if hasattr(X, "toarray") else X
        with config.precision(self._floatx):
            return answer(self.model_, self._scaled(x))

    # Storing -------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        given: Any = super().__getstate__()
        state: dict[str, Any] = {**given}
        if "model_" in state:
            with config.precision(self._floatx):
                state["model_"] = packed(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        kept = vars(self).get("model_")
        if isinstance(kept, dict):
            with config.precision(self._floatx):
                self.model_ = unpacked(cast(Packed, kept))
            if self.model_.optimizer is None:  # a loss of one's own, which has no name
                self._compile(self.model_)

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _validation(table: Table) -> tuple[np.ndarray, ...] | None:
    """`validation_data` as fit has it: without weights where there are none."""
    return table.held and tuple(part for part in table.held if part is not None)


def curves_of(
    curves: dict[str, np.ndarray], epochs: Sequence[int] | np.ndarray
) -> dict[str, int | list[float]]:
    """The attributes that tell of the epochs: means over the members that ran them."""
    longest = int(max(epochs))
    mean = {k: np.nanmean(v[:, :longest], axis=0).tolist() for k, v in curves.items()}
    found = {"n_iter_": longest, "loss_curve_": mean["loss"]}
    if "val_loss" in mean:
        found["validation_loss_curve_"] = mean["val_loss"]
    return found


def refuse_diverged(name: str, losses: Sequence[float] | np.ndarray) -> None:
    """Refuses networks whose final losses are not finite numbers.

    Raises:
        ValueError: A lost network, or, of several, fewer than two that are left.
    """
    left = int(np.isfinite(losses).sum())
    if left < min(2, len(losses)):
        raise invalid(
            name,
            f"a loss of {np.asarray(losses)[-1]:g} at the end of training",
            "a finite one",
            "write a smaller learning_rate, or standardize=True",
        )
