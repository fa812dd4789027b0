# Early stopping, the best weights in a file, a model that comes back.
import os
import tempfile

import numpy as np
from tensorflow import keras
from tensorflow.keras.callbacks import EarlyStopping, ModelCheckpoint

rng = np.random.default_rng(0)
x = rng.normal(size=(80, 3)).astype("float32")
y = x @ np.array([1.0, 2.0, 3.0], "float32")
folder = tempfile.mkdtemp()
path = os.path.join(folder, "best.keras")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
stop = EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
keep = ModelCheckpoint(path, monitor="val_loss", save_best_only=True)
model.fit(x, y, epochs=15, validation_split=0.25, callbacks=[stop, keep], verbose=0)
loaded = keras.models.load_model(path)
assert np.allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-2)
model.save(os.path.join(folder, "whole.keras"))
model.save_weights(os.path.join(folder, "w.weights.h5"))
other = keras.models.clone_model(model)
other.load_weights(os.path.join(folder, "w.weights.h5"))
assert np.allclose(other.get_weights()[0], model.get_weights()[0])
again = keras.models.model_from_json(model.to_json())
assert again.count_params() == model.count_params()
final = float(model.evaluate(x, y, verbose=0)[0])
