# The package tf_keras.
import numpy as np
import tf_keras as keras
from tf_keras.layers import Dense

model = keras.Sequential([Dense(2, activation="selu", input_shape=(3,)), Dense(1)])
model.compile("adagrad", "mse")
model.fit(np.ones((8, 3)), np.ones(8), epochs=2, verbose=0)
assert model.predict(np.ones((2, 3)), verbose=0).shape == (2, 1)
