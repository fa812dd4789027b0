"""Coffee roasting: a 2-3-1 network says which roasts are good.

Lecture 003, "TensorFlow (2/2)": temperature and duration are normalised, `layer1` and
`layer2` are sigmoids, and the decision yhat is 1 where the output is 0.5 or more.
"""

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Dense, Normalization
from onefit.losses import BinaryCrossentropy
from onefit.optimizers import Adam
from onefit.utils import set_random_seed


def main():
    set_random_seed(1)
    x, y = datasets.coffee(10_000)
    normalise = Normalization()
    normalise.adapt(x)
    model = Sequential(
        [
            Input(shape=(2,)),
            normalise,
            Dense(3, activation="sigmoid", name="layer1"),
            Dense(1, activation="sigmoid", name="layer2"),
        ]
    )
    model.summary()
    model.compile(optimizer=Adam(0.01), loss=BinaryCrossentropy(), metrics=["accuracy"])
    model.fit(x, y, epochs=30, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    print(f"\nloss {loss:.4f}, accuracy {accuracy:.4f}")
    for name in ("layer1", "layer2"):
        W, b = model.get_layer(name).get_weights()
        print(f"{name}: W =\n{W.round(2)}\n        b = {b.round(2)}")

    roasts = np.array([[200, 13], [185, 14], [200, 15], [160, 13], [270, 12.5]])
    predictions = model.predict(roasts)
    yhat = np.where(predictions >= 0.5, 1, 0)
    print("\ndegrees  minutes  prediction  yhat")
    for (degrees, minutes), a, decision in zip(
        roasts, predictions[:, 0], yhat[:, 0], strict=True
    ):
        print(f"{degrees:7.0f} {minutes:8.1f} {a:11.4f} {decision:5d}")
    return {"loss": loss, "accuracy": accuracy, "yhat": yhat[:, 0].tolist()}


if __name__ == "__main__":
    main()
