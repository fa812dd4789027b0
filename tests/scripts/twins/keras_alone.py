# Keras 3 without TensorFlow's name.
import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(812)
inputs = keras.Input(shape=(6,), name="numbers")
x = layers.Dense(8, activation="relu")(inputs)
x = layers.BatchNormalization()(x)
x = layers.Dropout(0.1)(x)
outputs = layers.Dense(3, activation="softmax")(x)
model = keras.Model(inputs=inputs, outputs=outputs, name="small")
model.summary()
rng = np.random.default_rng(0)
y = rng.integers(0, 3, 90)
data = rng.normal(size=(90, 6)) + 2 * np.eye(6)[y]
model.compile(
    optimizer=keras.optimizers.RMSprop(0.01),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
history = model.fit(data, y, batch_size=16, epochs=15, verbose=0)
assert "sparse_categorical_accuracy" in history.history
final = history.history["loss"][-1]
assert final < 1.0
print(ops.mean(ops.convert_to_tensor([1.0, 3.0])), keras.__version__)
