# Reducing the rate when nothing gets better; a log file; a stop at NaN.
import os
import tempfile

import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(48, 2)).astype("float32")
path = os.path.join(tempfile.mkdtemp(), "log.csv")
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.Adam(0.1), loss="mse")
model.fit(
    x,
    x.sum(1),
    epochs=6,
    validation_data=(x, x.sum(1)),
    callbacks=[
        tf.keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_lr=1e-4),
        tf.keras.callbacks.CSVLogger(path),
        tf.keras.callbacks.TerminateOnNaN(),
    ],
    verbose=0,
)
assert len(open(path).read().splitlines()) == 7
