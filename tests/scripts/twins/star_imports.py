# Everything of a module at once.
import numpy as np
from tensorflow.keras.layers import *
from tensorflow.keras.models import *

model = Sequential([Input(shape=(3,)), Dense(4, activation="elu"), LeakyReLU(), Dense(1)])
model.compile(optimizer="nadam", loss="mae")
x = np.random.default_rng(0).normal(size=(40, 3))
history = model.fit(x, x.sum(1), epochs=5, verbose=0)
assert len(history.history["loss"]) == 5
