"""One form of every error: received, expected, fix."""

import warnings

import pytest

from onefit.errors import OnefitWarning, invalid, mistyped, unknown


@pytest.mark.parametrize(
    ("make", "kind"), [(invalid, ValueError), (mistyped, TypeError)]
)
@pytest.mark.parametrize(
    ("where", "fix", "text"),
    [
        ("", "", "received 3; expected 4."),
        ("Dense 'out'", "", "Dense 'out': received 3; expected 4."),
        ("", "write Dense(4)", "received 3; expected 4. Write Dense(4)."),
        ("x", "Reshape it.", "x: received 3; expected 4. Reshape it."),
    ],
)
def test_sentence(make, kind, where, fix, text):
    error = make(where, received="3", expected="4", fix=fix)
    assert type(error) is kind
    assert str(error) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tnah", "Unknown loss 'tnah'. Did you mean 'tanh'? Known: ReLU6, relu, tanh."),
        ("TANH", "Unknown loss 'TANH'. Did you mean 'tanh'? Known: ReLU6, relu, tanh."),
        (
            "relu5",
            "Unknown loss 'relu5'. Did you mean 'relu' or 'ReLU6'? "
            "Known: ReLU6, relu, tanh.",
        ),
        ("qqq", "Unknown loss 'qqq'. Known: ReLU6, relu, tanh."),
        (3, "Unknown loss 3. Known: ReLU6, relu, tanh."),
    ],
)
def test_unknown_names_the_nearest(name, text):
    error = unknown("loss", name, ["relu", "tanh", "ReLU6", "tanh"])
    assert type(error) is ValueError
    assert str(error) == text


def test_two_spellings_are_one_suggestion():
    error = unknown("layer", "dens", ["Dense", "dense", "Dot"])
    assert "Did you mean 'dense'?" in str(error)


def test_a_warning_can_be_silenced_by_its_class():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OnefitWarning)
        warnings.warn("odd", OnefitWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="odd"):
        warnings.warn("odd", OnefitWarning, stacklevel=1)
