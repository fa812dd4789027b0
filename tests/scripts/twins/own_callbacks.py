# Callbacks that print, collect and draw.
import numpy as np
import tensorflow as tf
from tensorflow import keras


class Told(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        print("\nEpoch", epoch, "weights", self.model.layers[0].get_weights()[0].shape)

    def on_train_batch_end(self, batch, logs=None):
        self.batches = batch


told = Told()
printing = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: print("begin", epoch)
)
model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="mse")
model.fit(np.ones((64, 2)), np.ones(64), epochs=3, batch_size=16, callbacks=[told, printing], verbose=0)
assert len(told.losses) == 3 and told.batches == 3
