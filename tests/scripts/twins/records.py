# TFRecord files: examples written, read, parsed, learned from.
import numpy as np
import tensorflow as tf


def whole(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def data(value):
    if isinstance(value, type(tf.constant(0))):
        value = value.numpy()
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def numbers(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def example(row, label, name):
    features = {"row": numbers(row), "label": whole(label), "name": data(name)}
    return tf.train.Example(features=tf.train.Features(feature=features))


rng = np.random.default_rng(0)
x = rng.normal(size=(80, 3)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
with tf.io.TFRecordWriter("rows.tfrecord") as writer:
    for row, label in zip(x, y):
        writer.write(example(row, label, b"a\x00").SerializeToString())

records = tf.data.TFRecordDataset(["rows.tfrecord"])
for record in records.take(1):
    one = tf.train.Example()
    one.ParseFromString(record.numpy())
    assert one.features.feature["name"].bytes_list.value == [b"a\x00"]
    assert one.features.feature["row"].WhichOneof("kind") == "float_list"
    assert 'key: "label"' in str(one)
form = {
    "row": tf.io.FixedLenFeature([3], tf.float32),
    "label": tf.io.FixedLenFeature([], tf.int64, default_value=0),
    "tags": tf.io.VarLenFeature(tf.int64),
}
rows = records.map(lambda record: tf.io.parse_single_example(record, form))
for row in rows.take(1):
    assert np.allclose(row["row"], x[0])
    assert tf.sparse.to_dense(row["tags"]).shape == (0,)
several = tf.io.parse_example([r.numpy() for r in records.take(5)], form)
assert np.allclose(several["row"], x[:5])
train = rows.map(lambda row: (row["row"], row["label"])).shuffle(80).batch(16)
model = tf.keras.Sequential([tf.keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=2, verbose=0)

packed = tf.io.TFRecordOptions(compression_type="GZIP")
with tf.io.TFRecordWriter("picture.gz", packed) as writer:
    png = tf.io.encode_png(np.zeros((4, 5, 3), "uint8"))
    writer.write(example([1.0], 1, png).SerializeToString())
for record in tf.data.TFRecordDataset("picture.gz", compression_type="GZIP"):
    found = tf.io.parse_single_example(
        record, {"name": tf.io.FixedLenFeature([], tf.string)}
    )
    assert tf.io.decode_png(found["name"]).shape == (4, 5, 3)
again = tf.io.parse_tensor(tf.io.serialize_tensor(tf.constant([1.0])), tf.float32)
assert again.numpy().tolist() == [1.0]
