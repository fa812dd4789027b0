"""Makes host_layers.json: what Keras' layers on TensorFlow give for texts and ids.

Run it where TensorFlow is installed: `KERAS_BACKEND=tensorflow python <this file>`.
"""

import json
import random
from pathlib import Path

import numpy as np
import tensorflow as tf
from keras import layers

TEXTS = [
    "The quick brown fox, jumps over the lazy dog!",
    "A dog; a fox. And the END?",
    "  \t many\n blanks \x0b here\x0c\r ",
    "ÉTÉ été naïve — “quoted” don't x_y a-b",
    "",
    "non\u00a0breaking tab\tdone 12 3.5 #tag @name",
    "the the the fox 日本 語 😀 dog dog",
]
NEW = ["the Fox sat, on THE dog", "été ÉTÉ unknown words a b", "", "12 3.5"]
WORDS = ["red", "blue", "red", "green", "blue", "red", "", "été"]
IDS = [7, 7, 7, 3, 3, -5, 100000000000, 0, 0, 0, 0]

CASES = [
    *(
        ("TextVectorization", {"output_mode": mode} | more, TEXTS, NEW)
        for mode in ("int", "multi_hot", "count", "tf_idf")
        for more in (
            {},
            {"max_tokens": 9},
            {"ngrams": 2},
            {"standardize": "lower"},
            {"standardize": "strip_punctuation", "split": "whitespace"},
        )
    ),
    ("TextVectorization", {"output_sequence_length": 3}, TEXTS, NEW),
    ("TextVectorization", {"output_sequence_length": 12}, TEXTS, NEW),
    ("TextVectorization", {"ngrams": [2, 3]}, TEXTS, NEW),
    ("TextVectorization", {"split": "character"}, TEXTS, NEW),
    (
        "TextVectorization",
        {"split": None, "standardize": None},
        WORDS,
        [["red"], ["x"]],
    ),
    (
        "TextVectorization",
        {"max_tokens": 40, "pad_to_max_tokens": True, "output_mode": "tf_idf"},
        TEXTS,
        NEW,
    ),
    *(
        ("StringLookup", settings, WORDS, [["red"], ["été"], ["pink"], [""]])
        for settings in (
            {},
            {"mask_token": ""},
            {"num_oov_indices": 3},
            {"num_oov_indices": 3, "salt": [5, 7]},
            {"max_tokens": 4, "mask_token": ""},
            {"output_mode": "one_hot"},
            {"output_mode": "multi_hot", "mask_token": ""},
            {"output_mode": "count", "num_oov_indices": 2},
            {"output_mode": "tf_idf"},
        )
    ),
    ("StringLookup", {"output_mode": "count"}, WORDS, [["red", "red"], ["", "x"]]),
    *(
        ("IntegerLookup", settings, IDS, [[7], [0], [-5], [8], [100000000000], [-3]])
        for settings in (
            {},
            {"mask_token": 0},
            {"num_oov_indices": 3},
            {"num_oov_indices": 3, "oov_method": "farmhash"},
            {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 9},
            {"max_tokens": 3},
            {"output_mode": "one_hot", "mask_token": 0},
            {"output_mode": "tf_idf"},
        )
    ),
    ("Hashing", {"num_bins": 1000}, None, [[t] for t in TEXTS]),
    ("Hashing", {"num_bins": 1000, "salt": [133, 137]}, None, [[t] for t in TEXTS]),
    ("Hashing", {"num_bins": 7, "mask_value": ""}, None, [[t] for t in TEXTS]),
    ("Hashing", {"num_bins": 7, "mask_value": 3}, None, [[3], [4], [-5], [10**12]]),
    ("Hashing", {"num_bins": 5, "output_mode": "one_hot"}, None, [["a"], ["b"]]),
    ("Hashing", {"num_bins": 5, "output_mode": "count"}, None, [["a", "b", "a"]]),
    ("HashedCrossing", {"num_bins": 100}, None, [[["A"], ["B"]], [[1], [-2]]]),
    (
        "HashedCrossing",
        {"num_bins": 9, "output_mode": "one_hot"},
        None,
        [["A", "B"], [1, 2], ["u", "v"]],
    ),
    ("Discretization", {"num_bins": 4}, [0.1, 5.0, 2.5, 2.5, 9.0, -3.0], [[0.0, 2.5]]),
    (
        "Discretization",
        {"num_bins": 7, "epsilon": 0.05},
        np.random.default_rng(0).normal(size=(20, 50)).round(4).tolist(),
        [[-1.0, 0.0, 0.5, 9.0]],
    ),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, None, [[1, 1, 3]]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, None, [[1, 0]]),
]

# The other arguments, and inputs of other shapes.
MODES = ("int", "one_hot", "multi_hot", "count")
GIVEN = {"vocabulary": ["a", "b"]}
NUMBERS = {"vocabulary": [1, 2]}
EDGES = {"bin_boundaries": [0.0, 1.0, 2.0]}
PAIRS = [["a", "b"], ["c", "a"]]
COLORS = [["red"], ["pink"], [""], ["x"]]
CASES += [
    *(
        ("TextVectorization", {"output_mode": mode} | more, TEXTS, NEW)
        for mode in ("int", "multi_hot", "count", "tf_idf")
        for more in (
            {"max_tokens": 60, "pad_to_max_tokens": True},
            {"ngrams": [1, 3]},
            {"standardize": None, "split": "whitespace"},
            {"split": "character", "max_tokens": 3},
        )
    ),
    ("TextVectorization", {"output_sequence_length": 2, "ngrams": 2}, TEXTS, NEW),
    *(
        ("TextVectorization", {"vocabulary": ["the", "fox"]} | more, None, NEW)
        for more in (
            {},
            {"output_mode": "tf_idf", "idf_weights": [0.5, 2.0]},
            {"output_mode": "multi_hot"},
            {"output_mode": "count", "max_tokens": 10, "pad_to_max_tokens": True},
        )
    ),
    ("TextVectorization", {"vocabulary": ["", "[UNK]", "the"]}, None, NEW),
    *(
        ("StringLookup", settings, WORDS, COLORS)
        for settings in (
            {"oov_token": "?"},
            {"mask_token": "red"},
            {"max_tokens": 9, "pad_to_max_tokens": True, "output_mode": "one_hot"},
            {"max_tokens": 9, "pad_to_max_tokens": True, "output_mode": "tf_idf"},
            {"output_mode": "tf_idf", "num_oov_indices": 2},
            {"num_oov_indices": 2, "mask_token": ""},
            {"max_tokens": 2},
        )
    ),
    *(
        ("StringLookup", settings, None, [["a"], ["b"], ["c"], [""]])
        for settings in (
            GIVEN | {"mask_token": ""},
            GIVEN | {"output_mode": "tf_idf", "idf_weights": [0.5, 2.0]},
            {"vocabulary": ["[UNK]", "a", "b"]},
            {"vocabulary": ["", "[UNK]", "a"], "mask_token": ""},
        )
    ),
    ("StringLookup", GIVEN | {"num_oov_indices": 0}, None, [["a"], ["b"]]),
    ("StringLookup", GIVEN | {"invert": True}, None, [[0], [1], [2], [3]]),
    (
        "StringLookup",
        GIVEN | {"invert": True, "mask_token": "", "oov_token": "?"},
        None,
        [[0], [1], [2], [3], [9]],
    ),
    *(
        ("StringLookup", GIVEN | {"output_mode": mode}, None, x)
        for mode in MODES
        for x in (["a", "b"], [["a", "b"]], [[["a"], ["b"]]], "a")
    ),
    *(
        ("IntegerLookup", settings, IDS, [[7], [3]])
        for settings in (
            {"oov_token": -9},
            {"mask_token": 7},
            {"max_tokens": 4, "pad_to_max_tokens": True, "output_mode": "one_hot"},
            {"output_mode": "count"},
            {"output_mode": "multi_hot"},
            {"output_mode": "tf_idf", "num_oov_indices": 2},
        )
    ),
    ("IntegerLookup", NUMBERS | {"num_oov_indices": 0}, None, [[1], [2]]),
    ("IntegerLookup", NUMBERS | {"invert": True}, None, [[0], [1], [2], [5]]),
    (
        "IntegerLookup",
        NUMBERS | {"invert": True, "mask_token": 0, "oov_token": -7},
        None,
        [[0], [1], [2], [3]],
    ),
    (
        "IntegerLookup",
        NUMBERS | {"output_mode": "tf_idf", "idf_weights": [0.5, 2.0]},
        None,
        [[1, 2, 9]],
    ),
    ("IntegerLookup", {"vocabulary": [-1, 1, 2]}, None, [[1, 2, 9]]),
    *(
        ("Hashing", {"num_bins": 6} | more, None, PAIRS)
        for more in (
            {"output_mode": "multi_hot"},
            {"salt": 9},
            {"mask_value": "a", "output_mode": "one_hot"},
            {"salt": [1, 2], "mask_value": "b"},
        )
    ),
    ("Hashing", {"num_bins": 1}, None, PAIRS),
    ("Hashing", {"num_bins": 6, "salt": [1, 2]}, None, [[1, -2], [3, 10**12]]),
    ("Hashing", {"num_bins": 6}, None, ["a", "b"]),
    ("Hashing", {"num_bins": 6}, None, "a"),
    ("HashedCrossing", {"num_bins": 5}, None, [["A", "B"], ["C", "D"], ["E", "F"]]),
    ("HashedCrossing", {"num_bins": 5}, None, ["A", 1]),
    (
        "HashedCrossing",
        {"num_bins": 5, "output_mode": "one_hot"},
        None,
        [[["A"], ["B"]], [[1], [2]]],
    ),
    *(
        ("Discretization", EDGES | {"output_mode": mode}, None, x)
        for mode in MODES
        for x in ([[-1.0, 0.5], [1.0, 5.0]], [-1.0, 0.5])
    ),
    ("Discretization", {"num_bins": 1}, [1.0, 2.0, 3.0], [0.0, 5.0]),
    ("Discretization", {"num_bins": 3}, [1.0, 1.0, 1.0], [0.0, 1.0, 5.0]),
    ("Discretization", {"num_bins": 10}, [1.0, 2.0], [0.0, 1.0, 5.0]),
    *(
        ("CategoryEncoding", {"num_tokens": 4, "output_mode": mode}, None, x)
        for mode in MODES[1:]
        for x in ([[0, 1], [3, 3]], [0, 3], [[0], [3]], 2)
    ),
]


def results() -> list[dict]:
    """What each case gives."""
    found = []
    for name, settings, data, x in CASES:
        given = dict(settings)
        if isinstance(given.get("ngrams"), list):
            given["ngrams"] = tuple(given["ngrams"])
        layer = getattr(layers, name)(**given)
        if data is not None:
            layer.adapt(np.array(data) if name != "TextVectorization" else data)
        crossing = name == "HashedCrossing"
        given_x = tuple(tf.constant(one) for one in x) if crossing else tf.constant(x)
        known = None
        if hasattr(layer, "get_vocabulary"):
            known = [
                w.item() if hasattr(w, "item") else w for w in layer.get_vocabulary()
            ]
        edges = getattr(layer, "bin_boundaries", None)
        found.append(
            {
                "layer": name,
                "settings": settings,
                "data": data,
                "x": x,
                "vocabulary": known,
                "edges": edges,
                "y": _plain(np.asarray(layer(given_x))),
            }
        )
    return found


def _plain(y: np.ndarray) -> list:
    """Numbers or words as JSON has them."""
    return np.char.decode(y.astype(bytes)).tolist() if y.dtype == object else y.tolist()


def hashes() -> dict:
    """FarmHash, SipHash and crosses of strings of every length."""
    draw = random.Random(0)
    strings = ["", "a", "é", "日本語"] + [
        "".join(draw.choice("abcxyz é019") for _ in range(n))
        for n in [*range(1, 70), 100, 127, 128, 129, 191, 192, 193, 500]
    ]
    texts, bins = tf.constant(strings), 2**62
    key, numbers = [133, 137], [draw.randrange(-99, 10**12) for _ in strings]
    columns = [texts[:, None], tf.constant(numbers, tf.int64)[:, None], texts[:, None]]
    crossed = tf.sparse.to_dense(tf.sparse.cross_hashed(columns, bins))
    return {
        "strings": strings,
        "numbers": numbers,
        "fast": tf.strings.to_hash_bucket_fast(texts, bins).numpy().tolist(),
        "strong": tf.strings.to_hash_bucket_strong(texts, bins, key).numpy().tolist(),
        "crossed": crossed.numpy()[:, 0].tolist(),
    }


if __name__ == "__main__":
    made = {"cases": results(), "hashes": hashes()}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    Path(__file__).with_name("host_layers.json").write_text(text + "\n", "utf-8")
