# Files read and written, pictures in them.
import os
import tempfile

import numpy as np
import tensorflow as tf

folder = tempfile.mkdtemp()
path = os.path.join(folder, "a.png")
picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
tf.io.write_file(path, tf.io.encode_png(picture))
data = tf.io.read_file(path)
image = tf.image.decode_png(data, channels=3)
assert (image.numpy() == picture).all() and image.dtype == tf.uint8
grey = tf.io.decode_image(data, channels=1)
assert grey.shape[-1] == 1
assert tf.io.gfile.exists(path) and tf.io.gfile.listdir(folder) == ["a.png"]
table = os.path.join(folder, "t.csv")
with open(table, "w") as file:
    file.write("a,b\n1,2.5\n3,4.5\n")
lines = tf.data.TextLineDataset(table).skip(1)
rows = lines.map(lambda line: tf.io.decode_csv(line, [0, 0.0]))
assert [(int(a), float(b)) for a, b in rows] == [(1, 2.5), (3, 4.5)]
