"""A small TensorFlow that computes at once: jax's arrays, TensorFlow's functions.

A tensor is an array of jax. Nothing wraps it, so layers, losses, tapes, numpy and
`jax.numpy` take what `tf.constant` gives, and scripts take what layers give. What
TensorFlow's tensors have beyond that, `numpy()` above all, is put on jax's own class
while a script runs (`dressing.dressed`), and taken off after it. Text, which no array
of jax holds, is a `Text`.

Each file is one module of tf, or a part of the first. Functions take TensorFlow's
arguments by its names; `name=` is accepted everywhere and does nothing, since
there is no graph of named operations.
"""
