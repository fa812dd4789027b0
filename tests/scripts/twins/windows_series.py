# A series as windows, and a network that foretells the next number.
import numpy as np
import tensorflow as tf

time = np.arange(200, dtype="float32")
series = 10 + np.sin(time / 5) + 0.01 * time
split_time, window_size, batch_size = 160, 10, 16
x_train = series[:split_time]


def windowed_dataset(series, window_size, batch_size, shuffle_buffer):
    dataset = tf.data.Dataset.from_tensor_slices(series)
    dataset = dataset.window(window_size + 1, shift=1, drop_remainder=True)
    dataset = dataset.flat_map(lambda window: window.batch(window_size + 1))
    dataset = dataset.shuffle(shuffle_buffer).map(lambda window: (window[:-1], window[-1]))
    return dataset.batch(batch_size).prefetch(1)


tf.random.set_seed(51)
dataset = windowed_dataset(x_train, window_size, batch_size, 100)
model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Dense(10, input_shape=[window_size], activation="relu"),
        tf.keras.layers.Dense(1),
    ]
)
model.compile(loss="mse", optimizer=tf.keras.optimizers.Adam(learning_rate=0.005))
model.fit(dataset, epochs=12, verbose=0)
forecast = []
for t in range(0, 5):
    forecast.append(model.predict(series[t : t + window_size][np.newaxis], verbose=0))
assert np.array(forecast)[:, 0, 0].shape == (5,)
print(tf.keras.losses.MAE(series[:5], np.array(forecast)[:, 0, 0]).numpy())
