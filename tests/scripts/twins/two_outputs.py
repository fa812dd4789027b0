# A functional model with two outputs, losses by name.
import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 3)).astype("float32")
price, sold = x.sum(1, keepdims=True), (x[:, :1] > 0).astype("float32")
inputs = keras.Input(shape=(3,))
hidden = keras.layers.Dense(8, activation="tanh")(inputs)
outputs = {
    "price": keras.layers.Dense(1, name="price")(hidden),
    "sold": keras.layers.Dense(1, activation="sigmoid", name="sold")(hidden),
}
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(0.02),
    loss={"price": "mse", "sold": "binary_crossentropy"},
    loss_weights={"price": 1.0, "sold": 0.5},
    metrics={"price": ["mae"], "sold": ["accuracy"]},
)
history = model.fit(x, {"price": price, "sold": sold}, epochs=20, verbose=0)
assert "price_mae" in history.history
assert history.history["loss"][-1] < history.history["loss"][0]
