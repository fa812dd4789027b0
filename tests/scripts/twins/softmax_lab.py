# Softmax with and without logits, compared by hand.
import numpy as np
import tensorflow as tf
from sklearn.datasets import make_blobs
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

centers = [[-5, 2], [-2, -2], [1, 2], [5, -2]]
X_train, y_train = make_blobs(
    n_samples=200, centers=centers, cluster_std=1.0, random_state=30
)
tf.random.set_seed(3)
preferred_model = Sequential(
    [
        Dense(25, activation="relu"),
        Dense(15, activation="relu"),
        Dense(4, activation="linear"),
    ]
)
preferred_model.compile(
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=tf.keras.optimizers.Adam(0.001),
)
preferred_model.fit(X_train, y_train, epochs=10, verbose=0)
p_preferred = preferred_model.predict(X_train, verbose=0)
sm_preferred = tf.nn.softmax(p_preferred).numpy()
print(f"two example output vectors:\n {sm_preferred[:2]}")
for i in range(3):
    print(f"{p_preferred[i]}, category: {np.argmax(p_preferred[i])}")
assert np.allclose(sm_preferred.sum(1), 1, atol=1e-5)
final = float(preferred_model.evaluate(X_train, y_train, verbose=0))
