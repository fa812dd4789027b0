# Random changes of pictures, as layers.
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

augment = tf.keras.Sequential(
    [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.Rescaling(1.0 / 255),
    ]
)
pictures = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3)).astype("float32")
out = augment(pictures, training=True)
assert out.shape == (4, 8, 8, 3) and out.numpy().max() <= 1.01
model = tf.keras.Sequential([augment, layers.Flatten(), layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(pictures, np.array([0, 1, 0, 1]), epochs=1, verbose=0)
