# A model as a class with a call, trained by fit.
import numpy as np
import tensorflow as tf
from tensorflow.keras import Model
from tensorflow.keras.layers import Dense, Dropout


class MyModel(Model):
    def __init__(self):
        super(MyModel, self).__init__()
        self.d1 = Dense(16, activation="relu")
        self.drop = Dropout(0.1)
        self.d2 = Dense(1)

    def call(self, x, training=False):
        x = self.d1(x)
        x = self.drop(x, training=training)
        return self.d2(x)


x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
model = MyModel()
model.compile(optimizer=tf.keras.optimizers.Adam(0.02), loss="mse")
history = model.fit(x, x.sum(1, keepdims=True), epochs=20, verbose=0)
final = history.history["loss"][-1]
assert model(x).shape == (64, 1) and final < 2.0
