# Each optimizer by name and by class.
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
y = x.sum(1)
for optimizer in (
    "adam",
    "rmsprop",
    "nadam",
    "adadelta",
    "adamax",
    tf.keras.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True),
    tf.keras.optimizers.Adagrad(0.1),
    tf.keras.optimizers.Adam(learning_rate=0.1, beta_1=0.9, beta_2=0.99),
):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="he_normal")])
    model.compile(optimizer=optimizer, loss="mse")
    history = model.fit(x, y, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"][-1])
print(model.optimizer.learning_rate.numpy(), model.optimizer.iterations.numpy())
