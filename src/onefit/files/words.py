"""Vocabularies of layers inside those written as a `call`: files of their own.

The settings of such a layer are what its class says they are, and know nothing of words
that a layer inside has learned since.
"""

from collections.abc import Iterator, Mapping

from onefit.errors import invalid
from onefit.files.weights import walk
from onefit.layers.base import Layer, where
from onefit.layers.called import Called
from onefit.layers.host.vocabulary import Lookup
from onefit.networks.architecture import Architecture

__all__ = ["give", "words_of"]


def words_of(graph: Architecture) -> dict[str, str]:
    """The words of all lookups inside layers with a `call`, by the lookups' paths.

    Raises:
        ValueError: Words that have weights, or one with a line's end.
    """
    found: dict[str, str] = {}
    for path, layer in walk(graph):
        for at, lookup in _inside(layer, path):
            if lookup.vocabulary is not None:
                found[at] = _lines(lookup)
    return found


def give(layer: Layer, path: str, vocabularies: Mapping[str, str]) -> None:
    """Gives the lookups inside a layer the words that a file has for them."""
    for at, lookup in _inside(layer, path):
        text = vocabularies.get(at)
        if text is not None:
            lookup.set_vocabulary(text.split("\n"))


def _inside(layer: Layer, path: str) -> Iterator[tuple[str, Lookup]]:
    if not isinstance(layer, Called):
        return
    for name, inner in layer._inner():
        at = f"{path}/{name}"
        parts = [(at, inner)]
        if isinstance(inner, Architecture):
            parts = list(walk(inner, f"{at}/"))
        for place, part in parts:
            if isinstance(part, Lookup):
                yield place, part
            yield from _inside(part, place)


def _lines(lookup: Lookup) -> str:
    words = [str(word) for word in lookup.get_vocabulary()]
    if lookup.output_mode == "tf_idf" or any("\n" in word for word in words):
        raise invalid(
            where(lookup),
            "words with weights, or with a line's end, in a layer that is a class of "
            "yours",
            "words that are lines of a file",
            "give the layer vocabulary=[...] in your __init__, or take it out of call "
            "and put it before: words(inputs)",
        )
    return "\n".join(words)
