# Layers that are kept as they are, under a new head.
import numpy as np
from tensorflow import keras

base = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(3)]
)
base.trainable = False
model = keras.Sequential([base, keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
before = base.get_weights()[0].copy()
model.fit(np.ones((16, 4)), np.ones(16), epochs=3, verbose=0)
assert np.allclose(before, base.get_weights()[0])
assert len(model.trainable_variables) == 2
for layer in base.layers:
    layer.trainable = True
print([layer.name for layer in model.layers], len(model.trainable_weights))
