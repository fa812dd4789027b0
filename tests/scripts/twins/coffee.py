# Coffee roasting: a Normalization layer, weights read and written.
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

rng = np.random.default_rng(2)
X = np.c_[rng.uniform(150, 285, 200), rng.uniform(11.5, 15.5, 200)]
Y = ((X[:, 0] > 175) & (X[:, 0] < 260) & (X[:, 1] > 12)).astype(float).reshape(-1, 1)
norm_l = tf.keras.layers.Normalization(axis=-1)
norm_l.adapt(X)
Xn = norm_l(X)
print(f"{np.max(Xn[:, 0]):0.2f}, {np.min(Xn[:, 0]):0.2f}")
Xt, Yt = np.tile(Xn, (5, 1)), np.tile(Y, (5, 1))
tf.random.set_seed(1234)
model = Sequential(
    [
        tf.keras.Input(shape=(2,)),
        Dense(3, activation="sigmoid", name="layer1"),
        Dense(1, activation="sigmoid", name="layer2"),
    ]
)
W1, b1 = model.get_layer("layer1").get_weights()
print(f"W1{W1.shape}:\n", W1, f"\nb1{b1.shape}:", b1)
model.compile(
    loss=tf.keras.losses.BinaryCrossentropy(),
    optimizer=tf.keras.optimizers.Adam(learning_rate=0.02),
)
model.fit(Xt, Yt, epochs=10, verbose=0)
model.get_layer("layer1").set_weights([np.ones((2, 3)), np.zeros(3)])
predictions = model.predict(norm_l(np.array([[200, 13.9], [200, 17]])), verbose=0)
yhat = (predictions >= 0.5).astype(int)
print(f"decisions = \n{yhat}")
final = float(model.evaluate(Xt, Yt, verbose=0))
assert predictions.shape == (2, 1)
