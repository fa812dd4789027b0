# Rows in a pipeline: shuffled, mapped, batched, fetched ahead.
import numpy as np
import tensorflow as tf

AUTOTUNE = tf.data.AUTOTUNE
dataset = tf.data.Dataset.range(10)
dataset = dataset.map(lambda v: v * 2).filter(lambda v: v < 12)
assert list(dataset.as_numpy_iterator()) == [0, 2, 4, 6, 8, 10]
for batch in dataset.batch(4, drop_remainder=True):
    print(batch.numpy())
rng = np.random.default_rng(0)
x = rng.normal(size=(96, 3)).astype("float32")
y = x.sum(1)
ds = tf.data.Dataset.from_tensor_slices((x, y))
train = ds.take(64).cache().shuffle(64).batch(16).prefetch(AUTOTUNE)
valid = ds.skip(64).batch(16)
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="mse")
history = model.fit(train, validation_data=valid, epochs=10, verbose=0)
final = history.history["val_loss"][-1]
assert final < 0.2
for features, label in ds.batch(2).take(1):
    print(features.shape, label.numpy())
both = tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(3, 6)))
assert [(int(a), int(b)) for a, b in both] == [(0, 3), (1, 4), (2, 5)]
print(len(ds), ds.element_spec, ds.cardinality().numpy())
