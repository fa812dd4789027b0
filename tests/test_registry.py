"""Names, configs and classes become objects in one place."""

import pytest

import onefit
from onefit.description import Description
from onefit.registry import Registry, snake_case


class Lamp(Description):
    watts: int = 40


def glow(x):
    return x


@pytest.fixture
def lamps():
    registry = Registry("lamp", "onefit.lamps")
    registry.add(Lamp, glow, bulb=Lamp)
    return registry


def test_names_and_objects(lamps):
    assert lamps.names() == ["Lamp", "bulb", "glow", "lamp"]
    assert lamps.objects() == [Lamp, glow]


@pytest.mark.parametrize(
    ("identifier", "watts"),
    [
        ("lamp", 40),
        ("Lamp", 40),
        ("bulb", 40),
        (Lamp, 40),
        (Lamp(60), 60),
        ({"class_name": "Lamp", "config": {"watts": 25}}, 25),
        ({"class_name": "bulb"}, 40),
        ({"class_name": "Lamp", "config": None}, 40),
    ],
)
def test_get_makes_a_description(lamps, identifier, watts):
    made = lamps.get(identifier)
    assert isinstance(made, Lamp)
    assert made.watts == watts


def test_get_keeps_what_is_an_object(lamps):
    lamp = Lamp()
    assert lamps.get(lamp) is lamp
    assert lamps.get(glow) is lamps.get("glow") is lamps.get({"class_name": "glow"})
    assert lamps.get(None) is None


@pytest.mark.parametrize(
    ("identifier", "error", "text"),
    [
        ("lmap", ValueError, "Unknown lamp 'lmap'. Did you mean 'lamp'"),
        ({"class_name": "os.system"}, ValueError, "Unknown lamp 'os.system'"),
        (
            3,
            TypeError,
            "lamp: received 3; expected a name, a config or an object. Write",
        ),
        ({"watts": 3}, TypeError, "lamp: received {'watts': 3}; expected"),
        (
            {"class_name": "Lamp", "config": {"wats": 3}},
            TypeError,
            "Lamp: received a setting 'wats'; expected watts. Write watts=3",
        ),
    ],
)
def test_get_refuses(lamps, identifier, error, text):
    with pytest.raises(error) as caught:
        lamps.get(identifier)
    assert text in str(caught.value)


def test_snake_case_is_that_of_keras():
    import keras
    from keras.src.utils.naming import to_snake_case

    rooms = (keras.layers, keras.losses, keras.metrics, keras.optimizers)
    rooms += (keras.initializers, keras.regularizers, keras.constraints)
    names = {n for room in rooms for n in dir(room) if n[0].isupper()}
    assert len(names) > 200
    wrong = {n: snake_case(n) for n in names if snake_case(n) != to_snake_case(n)}
    assert wrong == {}


def test_a_name_of_the_library_stays_the_library_s():
    """A class of a program may be called Dense; a config that says Dense is ours."""
    from onefit.layers.base import layers

    own = type("Dense", (onefit.layers.Dense,), {"__module__": "program"})
    found = layers.get({"class_name": "Dense", "config": {"units": 2}})
    assert type(found) is onefit.layers.Dense
    assert layers.defined("program", "Dense") is own
