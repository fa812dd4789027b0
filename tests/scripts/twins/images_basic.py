# Pictures as tensors: sizes, colours, mirrors.
import numpy as np
import tensorflow as tf

image = tf.constant(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
assert tf.image.resize(image, [8, 6]).shape == (8, 6, 3)
assert tf.image.flip_left_right(image)[0, 0, 0] == image[0, 3, 0]
assert tf.image.rgb_to_grayscale(image).shape == (4, 4, 1)
bright = tf.image.adjust_brightness(image, 0.1)
assert bright.dtype == tf.uint8
assert tf.image.central_crop(image, 0.5).shape == (2, 2, 3)
scaled = tf.image.convert_image_dtype(image, tf.float32)
assert scaled.numpy().max() <= 1.0
assert tf.image.rot90(image).shape == (4, 4, 3)
assert tf.image.random_crop(image, size=[2, 2, 3]).shape == (2, 2, 3)
assert tf.image.random_flip_left_right(image).shape == (4, 4, 3)
standard = tf.image.per_image_standardization(scaled)
assert abs(standard.numpy().mean()) < 1e-5
print(tf.image.resize_with_pad(image, 6, 8).shape, tf.cast(image, tf.float32) / 255.0)
