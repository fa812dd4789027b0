# tensorflow_datasets, from a file of this machine.
import os
import tempfile

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

folder = tempfile.mkdtemp()
rng = np.random.default_rng(0)
np.savez(
    os.path.join(folder, "tiny.npz"),
    x_train=rng.random((20, 4, 4, 1)).astype("float32"),
    y_train=np.arange(20) % 2,
    x_test=rng.random((6, 4, 4, 1)).astype("float32"),
    y_test=np.arange(6) % 2,
)
tfds.disable_progress_bar()
(train, test), info = tfds.load(
    "tiny", split=["train", "test"], data_dir=folder, as_supervised=True, with_info=True
)
print(info.splits["train"].num_examples, info.features["label"].num_classes)
assert info.splits["train"].num_examples == 20
for image, label in train.take(2):
    print(image.shape, label.numpy())
first = tfds.load("tiny", split="train[:50%]", data_dir=folder)
assert len(list(first)) == 10
