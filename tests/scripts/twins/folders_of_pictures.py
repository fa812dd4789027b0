# Pictures in folders, one a class.
import os
import tempfile

import numpy as np
import tensorflow as tf
from PIL import Image

folder = tempfile.mkdtemp()
rng = np.random.default_rng(0)
for name in ("cats", "dogs"):
    os.makedirs(os.path.join(folder, name))
    for i in range(8):
        pixels = rng.integers(0, 120, (10, 10, 3)) + (100 if name == "dogs" else 0)
        Image.fromarray(pixels.astype("uint8")).save(os.path.join(folder, name, f"{i}.png"))
train_ds = tf.keras.utils.image_dataset_from_directory(
    folder, validation_split=0.25, subset="training", seed=123, image_size=(8, 8), batch_size=4
)
print(train_ds.class_names)
for image_batch, labels_batch in train_ds.take(1):
    assert image_batch.shape == (4, 8, 8, 3) and labels_batch.shape == (4,)
    print(image_batch.numpy().max(), labels_batch.numpy())
img = tf.keras.utils.load_img(os.path.join(folder, "cats", "0.png"), target_size=(8, 8))
array = tf.keras.utils.img_to_array(img)
array = tf.expand_dims(array, 0)
assert array.shape == (1, 8, 8, 3)
