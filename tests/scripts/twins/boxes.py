# Boxes around things: scores filtered, overlaps left out, corners by the old backend.
import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.python.framework.ops import EagerTensor


def corners(xy, wh):
    low, high = xy - wh / 2.0, xy + wh / 2.0
    return K.concatenate([low[..., 1:], low[..., :1], high[..., 1:], high[..., :1]])


xy = np.array([[0.2, 0.2], [0.22, 0.2], [0.8, 0.8], [0.5, 0.5]], "float32")
boxes = corners(xy, np.full((4, 2), 0.2, "float32"))
assert boxes.shape == (4, 4)
scores = tf.constant([0.9, 0.8, 0.7, 0.1])
mask = scores >= 0.5
scores, boxes = tf.boolean_mask(scores, mask), tf.boolean_mask(boxes, mask)
assert type(scores) == EagerTensor
size = tf.Variable(10, dtype="int32")
kept = tf.image.non_max_suppression(boxes, scores, size, iou_threshold=0.5)
assert kept.numpy().tolist() == [0, 2]
assert K.gather(boxes, kept).shape == (2, 4)
picture = tf.image.draw_bounding_boxes(
    tf.zeros([1, 20, 20, 3]), boxes[tf.newaxis], np.array([[1.0, 0.0, 0.0]])
)
assert float(tf.reduce_sum(picture[..., 0])) > 0
assert float(tf.reduce_sum(picture[..., 1])) == 0
