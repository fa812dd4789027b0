# Initializers, constraints and regularizers of a layer.
import tensorflow as tf
from tensorflow.keras import constraints, initializers, regularizers

for initializer in (
    "he_uniform",
    "lecun_normal",
    "uniform" if False else "random_uniform",
    initializers.RandomNormal(stddev=0.01, seed=1),
    tf.initializers.RandomNormal(),
    initializers.Constant(0.5),
    tf.keras.initializers.GlorotNormal(seed=3),
):
    layer = tf.keras.layers.Dense(
        3,
        kernel_initializer=initializer,
        bias_initializer="ones",
        kernel_constraint=constraints.max_norm(2.0),
        kernel_regularizer=regularizers.l2(0.1),
    )
    out = layer(tf.ones((2, 4)))
    assert out.shape == (2, 3)
assert layer.bias.numpy().tolist() == [1.0, 1.0, 1.0]
print(layer.losses, layer.kernel.shape)
