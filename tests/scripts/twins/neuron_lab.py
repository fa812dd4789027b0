# A single neuron, called before any training.
import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.activations import linear, relu, sigmoid
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.losses import BinaryCrossentropy, MeanSquaredError

X_train = np.array([[1.0], [2.0]], dtype=np.float32)
linear_layer = tf.keras.layers.Dense(units=1, activation="linear")
print(linear_layer.get_weights())
a1 = linear_layer(X_train[0].reshape(1, 1))
print(a1)
w, b = linear_layer.get_weights()
print(f"w = {w}, b={b}")
linear_layer.set_weights([np.array([[200]]), np.array([100])])
a1 = linear_layer(X_train[0].reshape(1, 1))
alin = np.dot(np.array([[200]]), X_train[0].reshape(1, 1)) + 100
assert np.allclose(a1.numpy(), alin)
model = Sequential([tf.keras.layers.Dense(1, input_dim=1, activation="sigmoid", name="L1")])
model.summary()
logistic_layer = model.get_layer("L1")
logistic_layer.set_weights([np.array([[2]]), np.array([-4.5])])
a1 = model.predict(X_train[0].reshape(1, 1), verbose=0)
assert abs(a1[0, 0] - 1 / (1 + np.exp(2.5))) < 1e-5
print(linear(a1), relu(tf.constant([-1.0, 1.0])), sigmoid(tf.constant(0.0)))
print(BinaryCrossentropy().name, MeanSquaredError().name, Input(shape=(2,)).shape)
