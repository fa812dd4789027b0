"""Checks of settings: what they let pass, and what they say of the rest."""

import jax.numpy as jnp
import numpy as np
import pytest

from onefit.checks import between, one_of, whole


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (whole(), -3),
        (whole(1), np.int64(1)),
        (whole(1, optional=True), None),
        (between(0, 1), 1),
        (between(0, 1), (0.0, np.float32(0.5))),
        (between(0, 1), jnp.array(7.0)),  # an array may be traced: never asked
        (between(above=0, optional=True), None),
        (one_of("a", None), None),
    ],
)
def test_what_passes(check, value):
    check("Lamp", "watts", value)


@pytest.mark.parametrize(
    ("check", "value", "error", "text"),
    [
        (whole(), 0.5, ValueError, "received watts=0.5; expected a whole number."),
        (whole(1), 0, ValueError, "watts=0; expected a whole number, 1 or more."),
        (whole(1), True, ValueError, "received watts=True"),
        (whole(1), None, ValueError, "received watts=None"),
        (
            whole(2, optional=True, fix="write Lamp(watts=2)"),
            "2",
            ValueError,
            "Lamp: received watts='2'; expected None or a whole number, 2 or more. "
            "Write Lamp(watts=2).",
        ),
        (between(0, 1), 1.5, ValueError, "a number at least 0 and at most 1."),
        (between(0, 1), (0.5, 1.5), ValueError, "received watts=(0.5, 1.5)"),
        (between(above=0, below=1), 0, ValueError, "a number above 0 and below 1."),
        (between(0), None, TypeError, "received watts=None; expected a number."),
        (between(0), True, TypeError, "received watts=True; expected a number."),
        (
            one_of("low", "high"),
            "hihg",
            ValueError,
            "Unknown watts of Lamp 'hihg'. Did you mean 'high'? Known: high, low.",
        ),
    ],
)
def test_what_does_not(check, value, error, text):
    with pytest.raises(error) as caught:
        check("Lamp", "watts", value)
    assert text in str(caught.value)
