# A functional model with two inputs.
import numpy as np
from tensorflow.keras.layers import Dense, Input, concatenate
from tensorflow.keras.models import Model
from tensorflow.keras.optimizers import Adam

rng = np.random.default_rng(0)
a, b = rng.normal(size=(100, 3)), rng.normal(size=(100, 2))
y = a[:, :1] + b[:, 1:]
first = Input(shape=(3,), name="first")
second = Input(shape=(2,), name="second")
joined = concatenate([Dense(8, activation="relu")(first), second])
model = Model(inputs=[first, second], outputs=Dense(1)(joined))
model.compile(optimizer=Adam(0.02), loss="mse")
model.fit([a, b], y, epochs=60, verbose=0)
final = float(model.evaluate([a, b], y, verbose=0))
assert final < 1.0
