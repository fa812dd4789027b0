# Matrices: inverses, determinants, systems.
import numpy as np
import tensorflow as tf

A = tf.constant([[4.0, 1.0], [2.0, 3.0]])
assert abs(tf.linalg.det(A).numpy() - 10.0) < 1e-4
assert np.allclose(tf.linalg.inv(A) @ A, np.eye(2), atol=1e-5)
x = tf.linalg.solve(A, [[1.0], [2.0]])
assert np.allclose(A @ x, [[1.0], [2.0]], atol=1e-5)
e, v = tf.linalg.eigh(tf.constant([[2.0, 0.0], [0.0, 3.0]]))
assert e.numpy().tolist() == [2.0, 3.0]
s, u, w = tf.linalg.svd(A)
assert np.allclose(u @ tf.linalg.diag(s) @ tf.transpose(w), A, atol=1e-4)
assert abs(tf.norm([3.0, 4.0]).numpy() - 5) < 1e-6
assert np.allclose(tf.linalg.l2_normalize([3.0, 4.0]), [0.6, 0.8])
assert tf.linalg.trace(A).numpy() == 7.0 and tf.eye(2).shape == (2, 2)
assert tf.linalg.matmul(A, A, transpose_b=True).shape == (2, 2)
assert tf.linalg.band_part(A, -1, 0).numpy()[0, 1] == 0
