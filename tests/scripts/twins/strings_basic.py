# Text as tensors.
import tensorflow as tf

word = tf.constant("Hello")
assert word.numpy() == b"Hello" and word.dtype == tf.string
words = tf.constant(["Lorem Ipsum", "dolor SIT"])
assert tf.strings.lower(words).numpy()[1] == b"dolor sit"
assert tf.strings.split(words)[0].numpy().tolist() == [b"Lorem", b"Ipsum"]
assert tf.strings.length(words).numpy().tolist() == [11, 9]
assert tf.strings.regex_replace("a<br />b", "<br />", " ").numpy() == b"a b"
assert tf.strings.join(["a", "b"], separator="-").numpy() == b"a-b"
assert tf.strings.reduce_join(["a", "b", "c"]).numpy() == b"abc"
assert tf.strings.to_number(["1.5", "2"]).numpy().tolist() == [1.5, 2.0]
assert tf.strings.substr("hello", 1, 3).numpy() == b"ell"
assert tf.strings.as_string(tf.constant([1, 2])).numpy().tolist() == [b"1", b"2"]
assert (words == "dolor SIT").numpy().tolist() == [False, True]
chars = tf.strings.unicode_split("abc", input_encoding="UTF-8")
assert chars.shape == (3,)
for text in words:
    print(text.numpy().decode())
