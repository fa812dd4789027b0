# Several models of a list, compared by their errors; degrees of regularisation.
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

rng = np.random.default_rng(1)
x = rng.normal(size=(150, 2)).astype("float32")
y = (x[:, :1] * x[:, 1:] > 0).astype("float32")


def build_models():
    tf.random.set_seed(20)
    first = Sequential(
        [Dense(25, activation="relu"), Dense(1, activation="linear")], name="model_1"
    )
    second = Sequential(
        [
            Dense(20, activation="relu", kernel_regularizer=tf.keras.regularizers.l2(0.01)),
            Dense(1, activation="linear"),
        ],
        name="model_2",
    )
    return [first, second]


errors = []
for model in build_models():
    model.compile(
        loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
        optimizer=tf.keras.optimizers.Adam(learning_rate=0.01),
    )
    print(f"Training {model.name}...")
    model.fit(x, y, epochs=60, verbose=0)
    yhat = tf.math.sigmoid(model.predict(x, verbose=0))
    yhat = np.where(yhat >= 0.5, 1, 0)
    errors.append(np.mean(yhat != y))
    final = float(model.evaluate(x, y, verbose=0))
assert min(errors) < 0.3
