# A strategy for several devices, on the one there is; TPUs are asked for.
import numpy as np
import tensorflow as tf

try:
    tpu = tf.distribute.cluster_resolver.TPUClusterResolver()
    tf.config.experimental_connect_to_cluster(tpu)
    tf.tpu.experimental.initialize_tpu_system(tpu)
    strategy = tf.distribute.TPUStrategy(tpu)
except ValueError:
    strategy = tf.distribute.MirroredStrategy()
size = 16 * strategy.num_replicas_in_sync
x = np.random.default_rng(0).normal(size=(48, 2)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
data = strategy.experimental_distribute_dataset(data)
with strategy.scope():
    loss_of = tf.keras.losses.BinaryCrossentropy(reduction="none")
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, activation="sigmoid")])
    optimizer = tf.keras.optimizers.Adam(0.1)


def step(inputs):
    a, b = inputs
    with tf.GradientTape() as tape:
        losses = loss_of(b, model(a, training=True))
        loss = tf.nn.compute_average_loss(losses, global_batch_size=size)
    weights = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return loss


@tf.function
def everywhere(inputs):
    losses = strategy.run(step, args=(inputs,))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)


losses = [float(everywhere(batch)) for _ in range(5) for batch in data]
assert losses[-1] < losses[0]
