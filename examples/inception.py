"""An inception block: filters of several sizes look at the same place, side by side.

Lecture 004, section 2.3.2, "Inception block": a graph that is no stack of layers. Four
branches see the same image, by 1x1, 3x3 and 5x5 filters and by pooling, and their
channels are put together. The 1x1 filters in front keep the larger ones cheap.
"""

from onefit import Input, Model, datasets
from onefit.layers import (
    Concatenate,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from onefit.optimizers import Adam
from onefit.utils import set_random_seed, split_dataset


def filters(n, size, x):
    return Conv2D(n, size, padding="same", activation="relu")(x)


def inception(x):
    branches = [
        filters(8, 1, x),
        filters(16, 3, filters(8, 1, x)),
        filters(8, 5, filters(4, 1, x)),
        filters(8, 1, MaxPooling2D(3, strides=1, padding="same")(x)),
    ]
    return Concatenate()(branches)


def main(epochs=40):
    set_random_seed(0)
    x, y = datasets.load_digits(images=True)
    rows, test = split_dataset((x / 16, y), 1440, shuffle=True, seed=0)
    image = Input((8, 8, 1), name="image")
    seen = MaxPooling2D(2)(filters(16, 3, image))
    pooled = GlobalAveragePooling2D()(inception(seen))
    digit = Dense(10, activation="softmax")(pooled)
    model = Model(image, digit, name="small_inception")
    model.summary()
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer=Adam(0.003), loss=loss, metrics=["accuracy"])
    model.fit(*rows, epochs=epochs, verbose=0)
    accuracy = model.evaluate(*test, verbose=0)[1]
    print(f"test accuracy {accuracy:.3f}")
    return {"accuracy": accuracy, "parameters": model.count_params()}


if __name__ == "__main__":
    main()
