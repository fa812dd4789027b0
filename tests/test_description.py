"""Descriptions: frozen settings that are pytrees of their numbers."""

import copy
import inspect
import json
import pickle
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefit.description import Description, fields, number, off, setting


def doubled(x):
    return 2 * x


def _even(where, name, value):
    if value % 2:
        raise ValueError(f"{where}: {name}={value} is odd")


class Part(Description):
    gain: float = number(default=2.0)


def _part(given):
    return Part.from_config(given["config"]) if isinstance(given, dict) else given


class Machine(Description):
    size: int = setting(check=_even)
    rate: float = number(default=0.5, minimum=0, below=1)
    decay: float | None = number(default=None, above=0, maximum=3, optional=True)
    axes: tuple = (1, 2)
    activation: object = setting(default=None, convert=lambda f: f or doubled)
    part: Part = setting(default=Part(), convert=_part)
    name: str | None = setting(default=None, identity=False, kw_only=True)


# Making -------------------------------------------------------------------------------


def test_settings_by_order_and_by_name():
    machine = Machine(4, 0.25, axes=[0, 1])
    assert (machine.size, machine.rate, machine.decay) == (4, 0.25, None)
    assert machine.axes == (0, 1)  # a list cannot be part of a structure
    assert machine.activation is doubled  # converted


class Named(Description):
    note: str = setting(default="", kw_only=True)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: Machine(rate=0.1),
            TypeError,
            "Machine: received no size; expected a value for it. Write "
            "Machine(size=...).",
        ),
        (
            lambda: Machine(2, sise=3),
            TypeError,
            "Machine: received a setting 'sise'; expected one of 7 (nearest size, "
            "rate, name; all in help(Machine)). Write size=3.",
        ),
        (
            lambda: Machine(2, 0.1, None, (), None, Part(), "by name only"),
            TypeError,
            "Machine: received 7 settings by place; expected at most 6: size, rate, "
            "decay, axes, activation, part. Give the others by name.",
        ),
        (
            lambda: Named("a"),
            TypeError,
            "Named: received 1 settings by place; expected none. Give the others by "
            "name.",
        ),
        (
            lambda: Machine(2, size=3),
            TypeError,
            "Machine: received size twice, by place and by name; expected each "
            "setting once. Leave size= out.",
        ),
        # What is asked for comes before what it is: 3 is odd.
        (lambda: Machine(3, sise=3), TypeError, "Machine: received a setting 'sise'"),
    ],
)
def test_settings_that_are_not_the_class_s_are_refused(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(text)


def test_inherited_settings_come_first():
    class Faster(Machine):
        speed: float = number(default=1.0)

    faster = Faster(2, 0.1, speed=3)
    assert (faster.size, faster.rate, faster.speed) == (2, 0.1, 3)


def test_a_base_on_the_right_comes_before_one_on_the_left():
    class Sizes(Description):
        filters: int
        window: int = 3

    class Options(Description):
        bias: bool = True

    class Both(Options, Sizes):
        stride: int = 1

    assert [field.name for field in fields(Both)] == [
        *("filters", "window", "bias", "stride")
    ]


class Ordered(Part, Named):
    _order = "size"
    size: int  # pyright: ignore[reportGeneralTypeIssues]
    label: str = "a"


def test_a_class_may_say_which_settings_come_first():
    ordered = Ordered(3, 0.5)
    assert (ordered.size, ordered.gain) == (3, 0.5)
    # What is given by name stays where it is, in files and in the pytree.
    assert list(ordered.get_config()) == ["note", "size", "gain", "label"]

    class More(Ordered):
        extra: int = 0

    assert More(3, 0.5, "b", 2).extra == 2


def test_a_setting_that_a_subclass_fixes_is_one_no_more():
    class Fixed(Machine):
        rate: ClassVar[float] = 0.125
        decay: "ClassVar[float]" = 0.5

    class Below(Fixed):
        more: int = 1

    assert Below(2, (3,)).rate == 0.125
    assert Below(2, (3,)).axes == (3,)
    with pytest.raises(TypeError, match="Below: received a setting 'rate'"):
        Below(2, rate=0.5)


def test_a_setting_without_a_default_comes_first():
    with pytest.raises(TypeError) as caught:

        class Late(Part):
            size: int  # pyright: ignore[reportGeneralTypeIssues]

    assert str(caught.value) == (
        "Late: received the setting 'size', without a default, after 'gain'; expected "
        "settings without a default first. Give size a default, or make it "
        "setting(kw_only=True)."
    )


def test_users_may_know_a_setting_by_another_name():
    class Shaped(Description):
        target: int = setting(alias="shape")

        def shape(self):
            return (self.target,)

    shaped = Shaped(shape=3)
    assert shaped.shape() == Shaped(3).shape() == (3,)
    assert repr(shaped) == "Shaped(shape=3)"
    assert shaped.get_config() == {"shape": 3}
    assert shaped.replace(shape=4).target == 4
    assert list(inspect.signature(Shaped).parameters) == ["shape"]


def test_signature():
    assert str(inspect.signature(Ordered)) == (
        "(size: int, gain: float = 2.0, label: str = 'a', *, note: str = '') -> None"
    )


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"size": 3}, ValueError, "Machine: size=3 is odd"),
        (
            {"rate": -0.5},
            ValueError,
            "rate=-0.5; expected a number at least 0 and below",
        ),
        ({"rate": 1}, ValueError, "rate=1; expected a number at least 0 and below 1."),
        ({"rate": float("nan")}, ValueError, "rate=nan; expected a number"),
        (
            {"decay": 0.0},
            ValueError,
            "decay=0.0; expected a number at most 3 and above 0",
        ),
        ({"decay": 4}, ValueError, "decay=4; expected a number at most 3 and above 0."),
        (
            {"rate": "0.5"},
            TypeError,
            "Machine: received rate='0.5'; expected a number.",
        ),
        ({"rate": True}, TypeError, "received rate=True; expected a number."),
        ({"rate": None}, TypeError, "received rate=None; expected a number."),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, error, text):
    with pytest.raises(error) as caught:
        Machine(**({"size": 2} | settings))
    assert text in str(caught.value)


@pytest.mark.parametrize("rate", [0, 0.5, np.float32(0.5), np.int64(0), jnp.array(0.5)])
def test_numbers_of_every_kind(rate):
    assert Machine(2, rate).rate is rate


class Own(Description):
    """A description in Keras' style: its attributes are its structure."""

    def __init__(self, size, function=None):
        super().__init__()
        self.sizes, self.function = [size, {"more": np.ones(2)}], function


def test_in_keras_style_alike_attributes_are_one_structure():
    one, other = jax.tree.structure(Own(3)), jax.tree.structure(Own(3))
    assert one == other
    assert hash(one) == hash(other)
    assert one != jax.tree.structure(Own(4))
    assert one != jax.tree.structure(Own(3, lambda x: x))
    own = Own(3)
    own.sizes[1]["more"] = np.zeros(2)
    assert one != jax.tree.structure(own)


def test_in_keras_style_an_object_goes_through_a_program_as_itself():
    own = Own(3)
    assert jax.tree.map(lambda x: x, own) is own
    own.itself = own  # a circle ends
    assert jax.tree.structure(own) == jax.tree.structure(own)


def test_a_setting_that_is_assigned_is_checked_as_one_that_is_given():
    machine = Machine(2)
    before = jax.tree.structure(machine), jax.tree.leaves(machine)
    for name, value, error in (("rate", -1.0, "rate=-1.0"), ("size", 3, "size=3")):
        with pytest.raises((TypeError, ValueError), match=error):
            setattr(machine, name, value)
    assert (jax.tree.structure(machine), jax.tree.leaves(machine)) == before
    machine.rate = 0.125
    assert jax.tree.leaves(machine) != before[1]  # a program gets the new number,
    machine.size = 4
    assert jax.tree.structure(machine) != before[0]  # or is another
    machine.note = "what is no setting is free"


def test_what_was_built_may_refuse_another_setting():
    class Built(Description):
        _mutable = frozenset({"name"})
        name: str = "a"
        size: int = 1

        def check_change(self, other, name):
            raise AttributeError(f"{name} {other.size}")

    built = Built()
    built.name = "b"
    assert built.name == "b"
    with pytest.raises(AttributeError, match="size 2"):
        built.size = 2
    assert built.size == 1


def test_replace():
    machine = Machine(2, 0.25, name="a")
    other = machine.replace(size=4)
    assert (other.size, other.rate, other.name) == (4, 0.25, "a")
    assert machine.size == 2
    with pytest.raises(TypeError, match=r"a setting 'sise'; .* Write size=3"):
        machine.replace(sise=3)


# As a pytree --------------------------------------------------------------------------


def test_leaves_are_the_numbers():
    leaves = jax.tree.leaves(Machine(2, 0.25, 1.5, part=Part(3.0)))
    assert leaves == [0.25, 1.5, 3.0]


def test_numbers_that_are_off_are_structure():
    assert off(None)
    assert off(0)
    assert off(0.0)
    assert not off(0.1)
    assert not off(jnp.array(0.0))  # a traced number is never asked for its value
    on, without = Machine(2, 0.25), Machine(2, 0.0)
    assert len(jax.tree.leaves(on)) == len(jax.tree.leaves(without)) + 1
    assert jax.tree.structure(on) != jax.tree.structure(without)


def test_structure_is_what_needs_another_program():
    same = jax.tree.structure(Machine(2, 0.25))
    assert jax.tree.structure(Machine(2, 0.75)) == same
    assert jax.tree.structure(Machine(2, 0.75, name="b")) == same
    for other in (
        Machine(4, 0.25),
        Machine(2, 0.25, 1.0),
        Machine(2, 0.25, axes=(0,)),
        Machine(2, 0.25, activation=jnp.tanh),
        Machine(2, 0.25, part=Part(0.0)),
    ):
        assert jax.tree.structure(other) != same


def test_a_changed_number_compiles_nothing():
    traced = []

    @jax.jit
    def run(machine, x):
        traced.append(machine.size)
        return machine.rate * x + machine.part.gain

    for rate in (0.25, 0.5, np.float32(0.75)):
        assert float(run(Machine(2, float(rate), name=str(rate)), 2.0)) == 2 * rate + 2
    assert traced == [2]
    run(Machine(4), 2.0)
    assert traced == [2, 4]


def test_there_and_back():
    machine = Machine(4, 0.25, 1.5, (3,), name="a")
    again = jax.tree.map(lambda leaf: leaf, machine)
    assert type(again) is Machine
    assert (again.size, again.rate, again.decay, again.axes) == (4, 0.25, 1.5, (3,))
    assert again.activation is doubled
    assert again.name is None  # what no program sees does not travel


def test_numbers_vary_under_vmap_and_have_gradients():
    rates = jnp.array([0.1, 0.2, 0.3])
    machines = jax.vmap(lambda rate: Machine(2, rate))(rates)
    np.testing.assert_allclose(jax.vmap(lambda m: m.rate * 10)(machines), 10 * rates)
    slope = jax.grad(lambda m: m.rate**2 + 3 * m.part.gain)(Machine(2, 0.5))
    assert float(slope.rate) == 1.0
    assert float(slope.part.gain) == 3.0


def test_descriptions_in_a_tuple_are_children():
    class Rack(Description):
        parts: tuple = ()

    assert jax.tree.leaves(Rack([Part(1.0), Part(3.0)])) == [1.0, 3.0]


# As settings --------------------------------------------------------------------------


def test_config_is_json_and_comes_back():
    machine = Machine(4, 0.25, axes=[3], part=Part(7.0), name="a")
    config = machine.get_config()
    assert config == {
        "size": 4,
        "rate": 0.25,
        "decay": None,
        "axes": [3],
        "activation": "doubled",
        "part": {"class_name": "Part", "config": {"gain": 7.0}},
        "name": "a",
    }
    config = json.loads(json.dumps(config)) | {"activation": doubled}
    again = Machine.from_config(config)
    assert jax.tree.structure(again) == jax.tree.structure(machine)
    assert jax.tree.leaves(again) == jax.tree.leaves(machine)
    assert again.name == "a"
    with pytest.raises(TypeError, match=r"a setting 'siz'; .* Write size=4"):
        Machine.from_config({"siz": 4})


def test_arrays_are_lists_in_a_config():
    assert Part(jnp.array([1.0, 2.0])).get_config() == {"gain": [1.0, 2.0]}
    assert Part(np.float32(0.5)).get_config() == {"gain": 0.5}


@given(st.floats(0, 1, exclude_max=True), st.lists(st.integers(-9, 9)))
def test_any_settings_come_back(rate, axes):
    machine = Machine(2, rate, axes=axes)
    config = json.loads(json.dumps(machine.get_config())) | {"activation": doubled}
    again = Machine.from_config(config)
    assert jax.tree.structure(again) == jax.tree.structure(machine)
    assert jax.tree.leaves(again) == jax.tree.leaves(machine)


def test_shown_by_what_is_not_the_default():
    assert repr(Part()) == "Part()"
    assert repr(Part(3.0)) == "Part(gain=3.0)"
    shown = repr(Machine(2, 0.25, activation=doubled, name="a"))
    assert shown.startswith("Machine(size=2, rate=0.25, activation=doubled")
    assert "decay" not in shown


def test_copied_and_pickled():
    machine = Machine(2, 0.25, name="a")
    for other in (
        copy.copy(machine),
        copy.deepcopy(machine),
        pickle.loads(pickle.dumps(machine)),
    ):
        assert jax.tree.structure(other) == jax.tree.structure(machine)
        assert (other.name, other.rate) == ("a", 0.25)
        other.rate = 0.5
        assert (other.rate, machine.rate) == (0.5, 0.25)
