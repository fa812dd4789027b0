# What programs for Keras 2 write: batch_input_shape, decay, lr, states, metrics_names.
import numpy as np
from tensorflow import keras
from tensorflow.keras import backend as K
from tensorflow.keras.layers import LSTM, Dense, Input, Lambda
from tensorflow.keras.models import Model, Sequential
from tensorflow.keras.optimizers import SGD
from tensorflow.python.keras.utils.vis_utils import plot_model

x, y = np.ones((6, 3, 1)), np.ones(6)
model = Sequential()
model.add(LSTM(2, batch_input_shape=(2, 3, 1), stateful=True))
model.add(Dense(1))
model.compile(loss="mse", optimizer=SGD(lr=0.1, decay=1e-2, nesterov=True, momentum=0.9))
model.fit(x, y, epochs=1, batch_size=2, shuffle=False, verbose=0)
model.reset_states()

model = Sequential([Dense(1, input_dim=3, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", ["accuracy"])
x = np.ones((4, 3))
model.fit(x, np.ones(4), verbose=0)
scores = model.evaluate(x, np.ones(4), verbose=0)
assert dict(zip(model.metrics_names, scores)) == {"loss": scores[0], "accuracy": 1.0}
K.set_value(model.optimizer.lr, 0.25)
assert float(K.get_value(model.optimizer.lr)) == 0.25

a, b = Input((3,)), Input(shape=(3))
distance = Lambda(lambda v: K.abs(v[0] - v[1]), output_shape=(3,))([a, b])
model = Model([a, b], distance)
assert model.predict([x, x], verbose=0).sum() == 0
assert callable(plot_model)


class Steps(keras.Model):
    def train_step(self, data):
        import tensorflow as tf

        inputs, targets = data
        with tf.GradientTape() as tape:
            found = self(inputs, training=True)
            loss = self.compiled_loss(targets, found)
        slopes = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(slopes, self.trainable_variables))
        self.compiled_metrics.update_state(targets, found)
        return {m.name: m.result() for m in self.metrics}


entrance = Input((3,))
model = Steps(entrance, Dense(1)(entrance))
model.compile("sgd", "mse", metrics=["mae"])
history = model.fit(x, np.ones((4, 1)), epochs=2, verbose=0).history
assert sorted(history) == ["loss", "mae"]
assert history["loss"][1] < history["loss"][0]
