"""What a `call` asks of layers that run before its program.

A program has no text, and looks nothing up in a vocabulary. So what a `call` asks of
host layers, about its inputs as they came, is noted when it is first looked at, and
answered on the host, once over all rows. The answers are inputs of the program.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from onefit.errors import mistyped
from onefit.layers.arguments import is_text
from onefit.layers.passing import current
from onefit.types import Array, Data, Shape, Shapes, Tree

if TYPE_CHECKING:
    from onefit.layers.base import Layer

__all__ = ["Asking", "Plan", "Question", "Text", "hosts_in", "texts_among"]
__all__ += ["with_text"]


class Question(NamedTuple):
    """A question about values that are there before the program.

    Attributes:
        host: The number of the host layer that answers; None for a part of a value.
        about: The numbers of the values, in a nest of tuples: inputs, then answers.
        part: Which part, as `_plain` writes an index.
        text: Whether the answer is text, which stays on the host.
    """

    host: int | None
    about: Any
    part: Any = None
    text: bool = False


class Plan(NamedTuple):
    """What a `call` asks, in the order of its questions.

    Attributes:
        texts: Which of its inputs are text, of each one.
        questions: The questions.
    """

    texts: tuple[bool, ...]
    questions: tuple[Question, ...]

    @property
    def handed(self) -> int:
        """How many answers a program is given."""
        return sum(not q.text for q in self.questions)

    @property
    def about(self) -> list[int]:
        """The inputs that the questions are about."""
        asked = {n for q in self.questions for n in jax.tree.leaves(q.about)}
        return sorted(n for n in asked if n < len(self.texts))

    def shapes(self, hosts: Sequence["Layer"], inputs: dict[int, Shape]) -> list[Shape]:
        """The shapes of the answers that a program is given."""
        known: dict[int, Shape] = dict(inputs)
        for number, q in enumerate(self.questions, start=len(self.texts)):
            shape = jax.tree.map(known.__getitem__, q.about)
            if q.host is None:
                known[number] = _shape_of_part(shape, q.part)
            else:
                known[number] = hosts[q.host].output_shape(shape)
        return self._handed(known)

    def answers(self, hosts: Sequence["Layer"], inputs: dict[int, Data]) -> list[Any]:
        """The answers that a program is given, for rows in any form."""
        known: dict[int, Any] = dict(inputs)
        for number, q in enumerate(self.questions, start=len(self.texts)):
            value = jax.tree.map(known.__getitem__, q.about)
            if q.host is None:
                known[number] = np.asarray(value)[_index(q.part)]
            else:
                host: Any = hosts[q.host]
                known[number] = host.look(value)
        return self._handed(known)

    def _handed(self, known: dict[int, Any]) -> list[Any]:
        numbered = enumerate(self.questions, start=len(self.texts))
        return [known[number] for number, q in numbered if not q.text]

    def given(self, inputs: Sequence[Any], answers: Iterable[Any]) -> tuple[Any, ...]:
        """What a program is given: the inputs that are no text, then the answers."""
        pairs = zip(inputs, self.texts, strict=True)
        return (*(x for x, text in pairs if not text), *answers)

    def opened(self, hosts: Sequence["Layer"], x: Tree) -> tuple[Tree, "Asking"]:
        """What `call` is given for what a program was given, and its answers."""
        rest = iter(x if isinstance(x, tuple) else (x,))
        rows = jax.tree.leaves(x)[0].shape[0]
        inputs = [Text((rows,)) if text else next(rest) for text in self.texts]
        asking = Asking(hosts, inputs, list(self.questions), recorded=True)
        numbered = enumerate(self.questions, start=len(self.texts))
        for number, q in numbered:
            asking.know(number, Text((rows,)) if q.text else next(rest))
        return inputs[0] if len(inputs) == 1 else tuple(inputs), asking

    def masks(self, given: Tree) -> Tree:
        """Which steps of the inputs of `call` there are, of what a program is given."""
        if given is None:
            return None
        rest = iter(given if isinstance(given, tuple) else (given,))
        masks = [None if text else next(rest) for text in self.texts]
        return tuple(masks) if len(masks) > 1 else masks[0]


class Text:
    """What stands for text inside a `call`: it has a shape, and no numbers.

    A host layer can be called on it, and its rows may be indexed.
    """

    dtype = np.dtype(object)

    def __init__(self, shape: Shape) -> None:
        self.shape = tuple(shape)
        self.asking: Asking | None = None

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def astype(self, kind: object) -> "Text":
        """It itself: text has no other type."""
        del kind
        return self

    def __getitem__(self, index: Any) -> "Text":
        if self.asking is None:
            self._refuse()
        return self.asking.part(self, index)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        run = current()
        raise mistyped(
            "a call" if run is None else run.where,
            "text among the values of a program",
            "text that a layer makes numbers of",
            "call a TextVectorization or a StringLookup on it first: "
            "x = self.words(inputs)",
        )

    __array__ = __jax_array__ = __bool__ = __iter__ = __len__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __eq__ = _refuse  # type: ignore[assignment]
    __hash__ = object.__hash__


class Asking:
    """The questions of one run of a `call`, which are noted, or have been answered.

    Args:
        hosts: The host layers in the layer whose `call` it is.
        inputs: What `call` is given.
        questions: Those known so far; new ones are added.
        recorded: Whether the answers are known, and no new question can be asked.
    """

    def __init__(
        self,
        hosts: Sequence["Layer"],
        inputs: Sequence[Any],
        questions: list[Question],
        recorded: bool = False,
    ) -> None:
        self.numbers_of_hosts = {id(host): i for i, host in enumerate(hosts)}
        self.inputs, self.questions, self.recorded = len(inputs), questions, recorded
        self.values: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        for number, value in enumerate(inputs):
            self.know(number, value)

    def know(self, number: int, value: Any) -> None:
        """Notes that this is the value of a number."""
        self.values.setdefault(number, value)
        self._numbers[id(value)] = number
        if isinstance(value, Text):
            value.asking = self

    def follow(self, old: Tree, new: Tree) -> None:
        """Notes that values are the same as others, in another type."""
        for a, b in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True):
            if a is not b and id(a) in self._numbers:
                self._numbers[id(b)] = self._numbers[id(a)]
                self.values[-len(self._numbers)] = b  # kept, so that its id stays its

    def ask(self, host: Any, x: Tree) -> Array | Text | None:
        """A host layer's answer; None where it is asked about other values."""
        about = jax.tree.map(lambda a: self._numbers.get(id(a), -1), x)
        if min(jax.tree.leaves(about)) < 0 or id(host) not in self.numbers_of_hosts:
            return None
        text = bool(getattr(host, "invert", False) and host.takes_text)
        question = Question(self.numbers_of_hosts[id(host)], about, text=text)
        if (number := self._asked(question)) in self.values:
            return self.values[number]
        if self.recorded:
            return None
        sizes = jax.tree.map(lambda a: a.shape, x)
        rows = jax.tree.leaves(x)[0].shape[0]
        # A length that only the texts will tell: any number will do here.
        shape = tuple(rows if n is None else n for n in host.output_shape(sizes))
        answer = Text(shape) if text else jnp.zeros(shape, host.output_dtype)
        self.know(number, answer)
        return answer

    def part(self, text: Text, index: Any) -> Text:
        """A part of a text."""
        question = Question(None, self._numbers[id(text)], _plain(index), text=True)
        number = self._asked(question)
        if number < 0:
            text._refuse()
        if number not in self.values:
            self.know(number, Text(_shape_of_part(text.shape, question.part)))
        return self.values[number]

    def _asked(self, question: Question) -> int:
        if question not in self.questions:
            if self.recorded:
                return -1
            self.questions.append(question)
        return self.inputs + self.questions.index(question)


def hosts_in(layer: "Layer", met: set[int] | None = None) -> Iterator["Layer"]:
    """The host layers inside a layer, each once, in the order of its attributes."""
    met = set() if met is None else met
    for one in layer.plain_layers():
        inside = getattr(one, "_inner", None)
        if id(one) in met:
            continue
        met.add(id(one))
        if one.on_host:
            yield one
        for _, inner in inside() if inside else ():
            yield from hosts_in(inner, met)


def texts_among(kinds: Sequence[Any], count: int) -> tuple[bool, ...]:
    """Which of the inputs are text, by their types."""
    known = kinds if len(kinds) == count else (None,) * count
    return tuple(map(is_text, known))


def with_text(x: Tree, texts: Sequence[bool]) -> Tree:
    """The inputs of a `call`, with what stands for text in its places."""
    leaves, nest = jax.tree.flatten(x)
    pairs = zip(leaves, texts, strict=True)
    return nest.unflatten([Text(a.shape) if text else a for a, text in pairs])


def _shape_of_part(shape: Shapes, part: Any) -> Shape:
    """The shape of a part; an axis that is open and stays whole is open."""

    def of(size: int) -> Shape:
        whole = tuple(size if n is None else n for n in shape)
        return np.broadcast_to(np.zeros(()), whole)[_index(part)].shape

    return tuple(n if n == m else None for n, m in zip(of(97), of(89), strict=True))


def _plain(index: Any) -> Any:
    """An index as what can be compared."""
    if isinstance(index, tuple):
        return ("tuple", *map(_plain, index))
    if isinstance(index, slice):
        return ("slice", index.start, index.stop, index.step)
    return "..." if index is Ellipsis else index


def _index(plain: Any) -> Any:
    """The reverse of `_plain`."""
    if isinstance(plain, tuple):
        kind, *parts = plain
        return slice(*parts) if kind == "slice" else tuple(map(_index, parts))
    return Ellipsis if plain == "..." else plain
