# Rows of different lengths: tf.ragged, what splits texts, a layer that keeps them so.
import tensorflow as tf

rows = tf.ragged.constant([[3, 1, 4], [], [5, 9]])
assert str(rows + 1) == "<tf.RaggedTensor [[4, 2, 5], [], [6, 10]]>"
assert rows.to_tensor(-1).numpy().tolist() == [[3, 1, 4], [-1] * 3, [5, 9, -1]]
assert tf.reduce_sum(rows, axis=1).numpy().tolist() == [8, 0, 14]
assert rows[:, :1].to_list() == [[3], [], [5]]
assert rows[2].numpy().tolist() == [5, 9]
assert tf.concat([rows, [[7]]], axis=0).row_lengths().numpy().tolist() == [3, 0, 2, 1]
assert tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2]).to_list() == [[1, 2], [], [3]]

words = tf.strings.split(["so long", "thanks"])
assert words.to_list() == [[b"so", b"long"], [b"thanks"]]
assert tf.strings.reduce_join(words, axis=-1).numpy().tolist() == [b"solong", b"thanks"]
letters = tf.strings.unicode_split(["ab", "c"], "UTF-8")
numbers = tf.keras.layers.StringLookup(vocabulary=["a", "b", "c"])(letters)
assert numbers.to_list() == [[1, 2], [3]]

layer = tf.keras.layers.TextVectorization(ragged=True)
layer.adapt(["so long", "so"])
found = layer(["so long so", "long"])
assert tf.keras.utils.pad_sequences(found.numpy()).tolist() == [[2, 3, 2], [0, 0, 3]]

some = tf.SparseTensor(indices=[[0, 1], [1, 0]], values=[2.0, 3.0], dense_shape=[2, 2])
assert tf.sparse.to_dense(some).numpy().tolist() == [[0.0, 2.0], [3.0, 0.0]]
