"""NNClassifier: a network that says which class, or which labels."""

from typing import TYPE_CHECKING, Self, cast

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from onefit import config
from onefit.errors import invalid
from onefit.losses.base import Loss
from onefit.losses.resolving import as_loss
from onefit.sklearn.estimator import NNEstimator
from onefit.sklearn.networks import HiddenLayers
from onefit.sklearn.tables import ClassWeight
from onefit.types import ArrayLike, Data, Identifier

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["NNClassifier"]


class NNClassifier(ClassifierMixin, NNEstimator):
    """A network that says which class, or which labels.

    The mean cross-entropy, plus alpha · Σ W² / n, is minimised over n rows: the whole
    fit is one compiled program. Two classes end in one sigmoid unit, more in a softmax,
    labels (y of zeros and ones, a column each) in a sigmoid unit each. Names are those
    of scikit-learn's MLPClassifier, where it has one for the same thing.

    Args:
        hidden_layers: The width of each hidden layer; or a function that builds them:
            it takes the number of features and gives layers, or a model. The output
            layer is added.
        activation: Of the hidden layers: a name (scikit-learn's 'logistic' and
            'identity' too) or a function.
        optimizer: A name, or an optimizer.
        learning_rate: The optimizer's rate; 0.01 for a name, and what it has for an
            optimizer, unless given.
        loss: A name, or a loss, in place of the cross-entropy.
        alpha: The strength of the L2 penalty. As in Ridge it is weighed against the sum
            over the rows, so it matters less the more rows there are. It applies to
            the layers that this class makes. 'auto' tries 0.03, 0.2, 1.5
            and 10 on four folds of up to 2,000 rows and takes what is best on them; it
            is 0.03 for under 16 different rows, and beyond 2,000.
        dropout: The share of each hidden layer's units left out in a step.
        batch_size: Rows in a step. 'auto' is all of up to 100 rows, and beyond that an
            eighth of them, 32 to 200.
        max_iter: The most epochs.
        shuffle: Whether each epoch takes the rows in a new order.
        tol, n_iter_no_change: Training stops when the loss has not fallen by `tol`
            for so many epochs.
        early_stopping: Whether to hold rows out, to stop by the loss on these, and to
            end with the weights that were best on them. 'auto' does so beyond 2,000
            rows: fewer can spare none.
        validation_fraction: The share of rows held out.
        standardize: Whether to shift and scale each column (and a regressor's targets)
            to mean 0 and deviation 1; the statistics are those of the rows trained on.
        class_weight: A factor for each class, {class: weight}, or 'balanced'.
        n_members: How many networks to train, from other seeds, in one program; their
            mean is the prediction.
        warm_start: Whether fit goes on from the weights and the scaling of the last.
        random_state: A number, or a numpy RandomState, for the same result each time.
        verbose: 0 silent, 1 a progress bar, 2 a line an epoch.

    Attributes:
        classes_: The classes in the order of the columns of `predict_proba`.
        model_: The trained onefit model, on scaled inputs: `model_.summary()`,
            `model_.save("m.keras")`. An Ensemble if there are several members.
        scaler_: (mean, scale) of the columns, or None.
        frames_: The role of each column of a DataFrame with text, dates or empty cells,
            and what was learned of them; None where all were numbers.
        loss_curve_: The loss of each epoch; `validation_loss_curve_` of the held rows.
        alpha_: The strength of the penalty that was taken.
        n_iter_, n_features_in_, feature_names_in_: As everywhere in scikit-learn.

    Differs from MLPClassifier: inputs are standardised, the rate is 0.01 (0.001), there
    are at most 500 epochs (200), alpha weighs against the sum over all rows and is
    chosen on folds (the sum over a batch, 0.0001), early stopping is on beyond 2,000
    rows (off) and looks at the loss (the accuracy).

    Example:
        >>> from sklearn.datasets import load_wine
        >>> from onefit.sklearn import NNClassifier
        >>> x, y = load_wine(return_X_y=True)
        >>> model = NNClassifier((16,), max_iter=500, random_state=0)
        >>> model.fit(x, y).predict_proba(x[:2]).shape
        (2, 3)

    Source: lecture 002, "Neural networks for classification"; scikit-learn,
    `MLPClassifier`.
    """

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
        class_weight: ClassWeight = None,
        n_members: int = 1,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | str = 0,
    ) -> None:
        super().__init__(
            hidden_layers,
            activation,
            optimizer=optimizer,
            learning_rate=learning_rate,
            loss=loss,
            alpha=alpha,
            dropout=dropout,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            standardize=standardize,
            n_members=n_members,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def partial_fit(
        self,
        X: Data,
        y: Data,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """One pass over these rows, from where the network is.

        Args:
            X, y, sample_weight: As in `fit`. The scaling is that of the first call.
            classes: All classes there will be; needed in the first call.

        Raises:
            ValueError: No classes in the first call, a class that is not among them.
        """
        if classes is None and not hasattr(self, "model_"):
            raise invalid(
                "NNClassifier.partial_fit",
                "no classes in the first call",
                "all the classes there will be",
                "write partial_fit(X, y, classes=[0, 1, 2])",
            )
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Data) -> np.ndarray:
        """The most probable class of each row; for labels, those above one half."""
        return self._named(self._answers(X))

    def predict_proba(self, X: Data) -> np.ndarray:
        """The probability of each class, (rows, classes), or of each label."""
        p = self._answers(X).astype(np.float64)
        if self._multilabel:
            return p
        if len(self.classes_) == 1:
            return np.ones((len(p), 1))
        if len(self.classes_) == 2:
            return np.hstack([1 - p, p])
        return p / p.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Data) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _named(self, p: np.ndarray) -> np.ndarray:
        if self._multilabel:
            return (p > 0.5).astype(int)
        if len(self.classes_) > 2:
            return self.classes_[p.argmax(axis=1)]
        last = len(self.classes_) - 1  # 0 where there is only one class
        return self.classes_[np.minimum(p[:, 0] > 0.5, last)]

    def _learn_targets(
        self,
        y: np.ndarray,
        weights: np.ndarray | None,
        own: np.ndarray,
        goes_on: bool,
        classes: ArrayLike | None,
    ) -> None:
        del weights, own
        check_classification_targets(y)
        labels = type_of_target(y).startswith("multilabel")
        if type_of_target(y) == "multiclass-multioutput":
            raise invalid(
                "y",
                f"{y.shape[1]} columns of classes",
                "one class a row, or labels of zeros and ones",
                "use sklearn.multioutput.MultiOutputClassifier(NNClassifier())",
            )
        found = np.arange(y.shape[1]) if labels else np.unique(y)
        if not goes_on:
            self._multilabel = labels
            self.classes_ = found if classes is None else np.unique(classes)
        elif classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise invalid(
                "classes",
                repr(classes),
                f"those of the first call, {self.classes_.tolist()}",
            )
        same = self._multilabel == labels and np.isin(found, self.classes_).all()
        if not same or (labels and len(found) != len(self.classes_)):
            raise invalid(
                "y",
                f"the classes {found.tolist()}",
                f"some of {self.classes_.tolist()}, which the network knows",
            )

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        if self._multilabel:
            return y.astype(config.floatx())
        codes = np.searchsorted(self.classes_, y)
        if len(self.classes_) <= 2:
            return codes.astype(config.floatx())
        if self._loss().compares == "sparse":
            return codes.astype(np.int32)
        return np.eye(len(self.classes_), dtype=config.floatx())[codes]

    def _constant(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        if y.dtype == np.int32:  # numbers of classes
            y = np.eye(len(self.classes_))[y]
        return super()._constant(y, weights)

    def _output(self) -> tuple[int, str | None]:
        count = len(self.classes_)
        if self._multilabel:
            return count, "sigmoid"
        return (count, "softmax") if count > 2 else (1, "sigmoid")

    def _loss(self) -> Loss:
        if self.loss is None and not self._multilabel and len(self.classes_) > 2:
            return cast(Loss, as_loss("sparse_categorical_crossentropy"))
        return super()._loss()

    _default_loss = "binary_crossentropy"

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
