# The history as a table and as curves.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tensorflow import keras

x = np.random.default_rng(0).normal(size=(60, 2))
model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=0.05), metrics=["mae"])
history = model.fit(x, x.sum(1), epochs=5, validation_split=0.2, verbose=0)
frame = pd.DataFrame(history.history)
frame.plot(figsize=(4, 3))
plt.grid(True)
plt.title("Learning curves")
plt.plot(history.epoch, history.history["val_loss"], "r--")
plt.close("all")
assert list(frame.columns) == ["loss", "mae", "val_loss", "val_mae"]
print(frame.tail(1))
