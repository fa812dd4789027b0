"""A photo and a table in, a class and a number out: one graph, two losses.

Lecture 004, section 2.3.2: networks with several inputs and several outputs. A parcel's
label shows its zone as a handwritten digit, and a scale gives its weight and length;
out come the zone and the postage, which needs both inputs.
"""

import numpy as np

from onefit import Input, Model, datasets
from onefit.layers import Concatenate, Conv2D, Dense, Flatten, MaxPooling2D
from onefit.utils import set_random_seed, split_dataset


def parcels():
    """Parcels to train on, and others: what is known, and what is asked.

    postage = 2 + 0.5·weight·(1 + zone/3), and 1 more for what is longer than 1 m.
    """
    label, zone = datasets.load_digits(images=True)
    weight, length = np.random.default_rng(0).uniform(0, [[10], [2]], (2, len(zone)))
    postage = 2 + 0.5 * weight * (1 + zone / 3) + (length > 1)
    measures = np.column_stack([weight / 10, length / 2])
    rows = (label / 16, measures, zone, postage[:, None])
    parts = split_dataset(rows, 1440, shuffle=True, seed=0)
    for image, table, digit, price in parts:
        yield {"label": image, "measures": table}, {"zone": digit, "postage": price}


def network():
    label, measures = Input((8, 8, 1), name="label"), Input((2,), name="measures")
    seen = Conv2D(16, 3, activation="relu")(label)
    seen = Dense(32, activation="relu")(Flatten()(MaxPooling2D(2)(seen)))
    zone = Dense(10, activation="softmax", name="zone")(seen)
    both = Dense(64, activation="relu")(Concatenate()([zone, measures]))
    postage = Dense(1, name="postage")(Dense(32, activation="relu")(both))
    return Model([label, measures], [zone, postage])


def main(epochs=60):
    set_random_seed(0)
    (x, y), (x_test, y_test) = parcels()
    model = network()
    model.compile(
        optimizer="adam",
        loss={"zone": "sparse_categorical_crossentropy", "postage": "mse"},
        loss_weights={"zone": 1.0, "postage": 0.1},
        metrics={"zone": ["accuracy"], "postage": ["mae"]},
    )
    model.fit(x, y, epochs=epochs, verbose=0)
    found = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    for name, value in found.items():
        print(f"{name:14s} {value:.4f}")
    zone, postage = model.predict(x_test)
    print("\n  zone   said   postage   said")
    for i in range(5):
        print(f"{y_test['zone'][i]:6d} {zone[i].argmax():6d}", end="")
        print(f" {y_test['postage'][i, 0]:9.2f} {postage[i, 0]:6.2f}")
    return found | {"scatter": np.std(y_test["postage"])}


if __name__ == "__main__":
    main()
