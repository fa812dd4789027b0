"""The Tokenizer of older books: numbers by hand, Keras' JSON, errors in words."""

import json

import numpy as np
import pytest

import onefit
from onefit.preprocessing.sequence import pad_sequences
from onefit.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)

TEXTS = ["The cat sat on the mat.", "The dog ate my homework!"]


def test_words():
    assert text_to_word_sequence("Never, say\tNEVER!\n") == ["never", "say", "never"]
    assert text_to_word_sequence("a-b c", filters="", lower=False) == ["a-b", "c"]
    assert text_to_word_sequence("a,b", split=",") == ["a", "b"]
    assert onefit.preprocessing.text.Tokenizer is Tokenizer
    assert pad_sequences is onefit.utils.pad_sequences


def test_numbers_by_hand():
    tokenizer = Tokenizer(num_words=5)
    tokenizer.fit_on_texts(TEXTS)
    # "the" comes three times; of the others, the one that came first is first.
    assert tokenizer.word_index["the"] == 1
    assert tokenizer.word_index["cat"] == 2
    assert tokenizer.index_word[1] == "the"
    assert tokenizer.word_counts["the"] == 3
    assert tokenizer.word_docs["the"] == tokenizer.document_count == 2
    numbers = tokenizer.texts_to_sequences([*TEXTS, "unknown"])
    assert numbers == [[1, 2, 3, 4, 1], [1], []]  # words 1 to 4 alone
    assert tokenizer.sequences_to_texts(numbers[:1]) == ["the cat sat on the"]


def test_unknown_words():
    tokenizer = Tokenizer(num_words=4, oov_token="<unk>")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index["<unk>"] == 1
    assert tokenizer.texts_to_sequences(["the dog sat"]) == [[2, 1, 1]]
    assert tokenizer.sequences_to_texts([[2, 99, 7]]) == ["the <unk> <unk>"]


def test_rows_of_words_by_hand():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a b b", "b"])
    assert tokenizer.word_index == {"b": 1, "a": 2}
    rows = {mode: tokenizer.texts_to_matrix(["a b b", "x"], mode) for mode in MODES}
    assert rows["binary"].tolist() == [[0, 1, 1], [0, 0, 0]]
    assert rows["count"].tolist() == [[0, 2, 1], [0, 0, 0]]
    np.testing.assert_allclose(rows["freq"][0], [0, 2 / 3, 1 / 3])
    # (1 + log(count)) · log(1 + texts / (1 + texts with the word))
    expected = [0, (1 + np.log(2)) * np.log(1 + 2 / 3), np.log(1 + 2 / 2)]
    np.testing.assert_allclose(rows["tfidf"][0], expected)


MODES = ("binary", "count", "freq", "tfidf")


def test_characters_and_lists_of_words():
    tokenizer = Tokenizer(char_level=True)
    tokenizer.fit_on_texts(["aab"])
    assert tokenizer.texts_to_sequences(["ba"]) == [[2, 1]]
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([["New York", "is"], ["is"]])
    assert tokenizer.word_index == {"is": 1, "new york": 2}
    tokenizer = Tokenizer(analyzer=lambda text: text.split("|"))
    tokenizer.fit_on_texts(["a b|c"])
    assert tokenizer.word_index == {"a b": 1, "c": 2}


def test_hashes():
    assert hashing_trick("never say never", 50, "md5") == [4, 44, 4]
    assert hashing_trick("a b", 10, len) == [2, 2]
    assert set(one_hot("a b c", 5)) <= {1, 2, 3, 4}
    with pytest.raises(ValueError, match="Unknown hash_function 'sha'"):
        hashing_trick("a", 5, "sha")
    with pytest.raises(ValueError, match="received n=1"):
        one_hot("a", 1)


def test_json_goes_out_and_in():
    tokenizer = Tokenizer(num_words=6, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    again = tokenizer_from_json(tokenizer.to_json(indent=1))
    assert again.get_config() == tokenizer.get_config()
    assert again.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    np.testing.assert_array_equal(
        again.texts_to_matrix(TEXTS, "tfidf"), tokenizer.texts_to_matrix(TEXTS, "tfidf")
    )
    with pytest.raises(ValueError, match=r"what Tokenizer.to_json wrote"):
        tokenizer_from_json(json.dumps({"class_name": "Other", "config": {}}))


def test_what_cannot_be_meant():
    tokenizer = Tokenizer()
    with pytest.raises(ValueError, match="the width of a row"):
        tokenizer.texts_to_matrix(["a"])
    for method in (tokenizer.fit_on_texts, tokenizer.texts_to_sequences):
        with pytest.raises(TypeError, match=r"Write \[text\]"):
            method("one text")
    with pytest.raises(TypeError, match="received None as a text"):
        tokenizer.fit_on_texts(["a", None])
    tokenizer.fit_on_texts(["a"])
    with pytest.raises(ValueError, match="Did you mean 'count'"):
        tokenizer.texts_to_matrix(["a"], "counts")
    with pytest.raises(ValueError, match="before any text was counted"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf")
