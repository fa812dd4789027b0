"""scikit-learn's multilayer perceptron.

Its L2 penalty and its early stop are switched off, as nobody else has them. Its
optimizer starts afresh at each fit. It predicts all rows at once: it has no batch size
there.
"""

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier


class Contestant:
    def __init__(self, work, x, y, weights, *, extras=False):
        self.x, self.y = x, y.ravel()
        self.model = MLPClassifier(
            hidden_layer_sizes=work.sizes[1:-1],
            activation={"relu": "relu", "sigmoid": "logistic"}[work.activation],
            solver=work.optimizer,
            learning_rate_init=work.rate,
            batch_size=work.batch_size,
            momentum=0.0,
            epsilon=1e-7,
            alpha=0.0,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            max_iter=1,
        )
        # Its arrays exist after a first fit; then they hold what the others start from.
        few = np.unique(self.y, return_index=True)[1]
        self.model.set_params(batch_size=len(few)).fit(x[few], self.y[few])
        self.model.set_params(batch_size=work.batch_size)
        self.model.coefs_ = [w.copy() for w in weights[::2]]
        self.model.intercepts_ = [b.copy() for b in weights[1::2]]

    def train(self, epochs: int) -> None:
        self.model.set_params(max_iter=epochs).fit(self.x, self.y)

    def weights(self) -> list[np.ndarray]:
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [array for pair in pairs for array in pair]

    def evaluate(self) -> float:
        return log_loss(self.y, self.predict())

    def predict(self) -> np.ndarray:
        return self.model.predict_proba(self.x)

    def predict_row(self) -> np.ndarray:
        return self.model.predict_proba(self.x[:1])
