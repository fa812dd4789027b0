# A summary, the parts of a model, a picture of it.
import os
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.keras.utils import plot_model

model = tf.keras.Sequential(name="shown")
model.add(tf.keras.layers.Dense(9, input_shape=(6,), name="hidden"))
model.add(tf.keras.layers.Dense(4))
model.summary()
assert model.count_params() == 6 * 9 + 9 + 9 * 4 + 4
lines = []
model.summary(print_fn=lambda line, **kwargs: lines.append(line))
assert any("hidden" in line for line in lines)
for layer in model.layers:
    print(layer.name, layer.get_config()["units"])
assert model.get_layer("hidden").kernel.shape == (6, 9)
assert model.input_shape == (None, 6) and model.output_shape == (None, 4)
inner = tf.keras.Model(inputs=model.inputs, outputs=model.layers[0].output)
assert inner.predict(np.ones((1, 6)), verbose=0).shape == (1, 9)
