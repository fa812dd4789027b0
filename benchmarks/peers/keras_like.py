"""onefit and Keras, by the very same lines: their vocabulary is one."""

from typing import Any

import numpy as np


class KerasLike:
    library: Any  # the module: keras or onefit

    def __init__(self, work, x, y, weights, *, extras=False, **options):
        lib, self.work, self.x, self.y = self.library, work, x, y
        *hidden, outputs = work.sizes[1:]
        # The last layer gives logits, and the loss knows: no contestant pays for a
        # softmax that the others do not compute.
        self.model = lib.Sequential(
            [
                lib.Input((work.sizes[0],)),
                *(lib.layers.Dense(n, activation=work.activation) for n in hidden),
                lib.layers.Dense(outputs),
            ]
        )
        names = {"adam": lib.optimizers.Adam, "sgd": lib.optimizers.SGD}
        kind = "BinaryCrossentropy" if work.binary else "SparseCategoricalCrossentropy"
        self.model.compile(
            optimizer=names[work.optimizer](learning_rate=work.rate),
            loss=getattr(lib.losses, kind)(from_logits=True),
            metrics=["accuracy"] if extras else None,
            **options,
        )
        self.model.set_weights(weights)
        self.extras = extras

    def train(self, epochs: int) -> None:
        how: dict[str, Any] = {"verbose": 0}
        if self.extras:
            tenth = max(4, len(self.x) // 10)
            # It watches and keeps the best weights, yet never stops: all train alike.
            # One number for all calls, so that none of them compiles again for it.
            stopping = self.library.callbacks.EarlyStopping(
                monitor="val_loss", patience=1_000_000, restore_best_weights=True
            )
            how = {
                "verbose": 1,
                "validation_data": (self.x[:tenth], self.y[:tenth]),
                "callbacks": [stopping],
            }
        size = self.work.batch_size
        self.model.fit(self.x, self.y, batch_size=size, epochs=epochs, **how)

    def weights(self) -> list[np.ndarray]:
        return [np.asarray(w) for w in self.model.get_weights()]

    def evaluate(self) -> float:
        size = self.work.batch_size
        result = self.model.evaluate(self.x, self.y, batch_size=size, verbose=0)
        return float(result)

    def predict(self) -> np.ndarray:
        return self.model.predict(self.x, batch_size=self.work.batch_size, verbose=0)

    def predict_row(self) -> np.ndarray:
        return self.model.predict(self.x[:1], verbose=0)
