# Questions about devices and settings.
import logging
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import tensorflow as tf

logging.getLogger("tensorflow").setLevel(logging.ERROR)
tf.get_logger().setLevel("ERROR")
tf.autograph.set_verbosity(0)
tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
print("TensorFlow", tf.__version__, tf.version.VERSION)
gpus = tf.config.list_physical_devices("GPU")
for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
print("Num GPUs Available:", len(tf.config.experimental.list_physical_devices("GPU")))
print(tf.test.is_built_with_cuda(), tf.config.list_physical_devices("CPU"))
with tf.device("/CPU:0"):
    total = tf.reduce_sum(tf.ones((10, 10)))
assert total.numpy() == 100.0 and tf.executing_eagerly()
assert int(tf.__version__.split(".")[0]) >= 2
