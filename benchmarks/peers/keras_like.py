"""onefit and Keras, by the very same lines: their vocabulary is one."""

from typing import Any

import numpy as np

from benchmarks.nets import BLOCKS, EPSILON, HEADS, WINDOW


def network(lib, work):
    """The last layer gives logits, and the loss knows: nobody pays for a softmax."""
    layers = lib.layers
    if work.net == "transformer":
        return transformer(lib, work)
    if work.net == "dense":
        inputs = lib.Input((work.sizes[0],))
        hidden = [layers.Dense(n, activation=work.activation) for n in work.sizes[1:-1]]
    elif work.net == "cnn":
        side, first, second, _ = work.sizes
        inputs = lib.Input((side, side, 1))
        hidden = [
            layers.Conv2D(first, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(second, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
        ]
    else:
        words, width, units, _ = work.sizes
        inputs = lib.Input((work.length,), dtype="int32")
        hidden = [layers.Embedding(words, width)]
        if work.net == "conv1d":
            hidden.append(layers.Conv1D(units, WINDOW, activation="relu"))
            hidden.append(layers.GlobalMaxPooling1D())
        else:
            hidden.append((layers.LSTM if work.net == "lstm" else layers.GRU)(units))
    return lib.Sequential([inputs, *hidden, layers.Dense(work.sizes[-1])])


def transformer(lib, work):
    layers, (words, width, inner, outputs) = lib.layers, work.sizes
    inputs = lib.Input((work.length,), dtype="int32")
    x = layers.Embedding(words, width)(inputs)
    for _ in range(BLOCKS):
        mixed = layers.MultiHeadAttention(HEADS, width // HEADS)(x, x)
        x = layers.LayerNormalization(epsilon=EPSILON)(x + mixed)
        fed = layers.Dense(inner, activation="relu")(x)
        fed = layers.Dense(width)(fed)
        x = layers.LayerNormalization(epsilon=EPSILON)(x + fed)
    x = layers.GlobalAveragePooling1D()(x)
    return lib.Model(inputs, layers.Dense(outputs)(x))


class KerasLike:
    library: Any  # the module: keras or onefit

    def __init__(self, work, x, y, weights, *, extras=False, **options):
        lib, self.work, self.x, self.y = self.library, work, x, y
        self.model = network(lib, work)
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
