# pyright: reportAttributeAccessIssue=false
# (matplotlib's stubs know less than it has.)
"""Pictures of populations: what is drawn, what is said, what is refused."""

import numpy as np
import pytest

from onefit.optimizers import SGD, Adam
from onefit.plots import (
    heat_map,
    metric_against,
    parallel_coordinates,
    population_curves,
    success_shares,
    wilson_interval,
)
from onefit.population import Population

pytest.importorskip("matplotlib")

RATES = [0.01, 0.1, 1.0]
UNITS = [2, 4]


def population(loss, **settings):
    """A population with these curves, (member, epoch)."""
    loss = np.array(loss, float)
    count, epochs = loss.shape
    ran = np.full(count, epochs)
    settings = {name: list(values) for name, values in settings.items()}
    settings.setdefault("seed", list(range(count)))
    return Population(
        [],
        {"loss": loss, "accuracy": 1 / (1 + loss)},
        settings,
        ran,
        [None] * count,
        {"loss": "min", "accuracy": "max"},
        0.0,
        False,
    )


def grid(seeds=4, epochs=6):
    """Three rates and two sizes, some seeds each; rate r ends at a loss of r."""
    rates = np.repeat(RATES, 2 * seeds)
    units = np.tile(np.repeat(UNITS, seeds), 3)
    loss = rates[:, None] ** np.linspace(0, 1, epochs)
    return population(
        loss,
        learning_rate=rates.tolist(),
        units=units.tolist(),
        optimizer=[SGD(0.1), Adam(0.1)] * (3 * seeds),
        seed=[*range(seeds)] * 6,
    )


def texts(ax):
    """Everything that is written in the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def saved(ax, tmp_path):
    """The picture can be made at all, without a warning."""
    ax.figure.savefig(tmp_path / "picture.png")
    return ax


def test_curves_with_quantiles(tmp_path):
    loss = np.arange(1.0, 102)[:, None] * np.ones(5)
    ax = saved(population_curves(population(loss)), tmp_path)
    (median,) = ax.get_lines()
    np.testing.assert_array_equal(median.get_ydata(), 51)
    np.testing.assert_array_equal(median.get_xdata(), [1, 2, 3, 4, 5])
    wide, dark = ax.collections[1].get_paths(), ax.collections[2].get_paths()
    np.testing.assert_allclose(np.unique(wide[0].vertices[:, 1]), [6, 96])
    np.testing.assert_allclose(np.unique(dark[0].vertices[:, 1]), [26, 76])
    assert ax.get_xlabel() == "epoch"
    assert ax.get_title() == "loss of 101 networks"


def test_curves_leave_out_who_diverged_and_say_so(tmp_path):
    loss = np.ones((10, 4))
    loss[7:, 2:] = np.nan  # not finite
    loss[6, -1] = 1e9  # on its way there
    ax = saved(population_curves(population(loss), log=True), tmp_path)
    assert "4 of 10 diverged, left out" in texts(ax)
    assert len(ax.collections[0].get_segments()) == 6
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[1] < 100


def test_curves_of_who_stopped_keep_their_last_number():
    many = population([[4.0, np.nan, np.nan], [3, 2, 2], [5, 5, 5]])
    many.epochs = np.array([1, 3, 3])
    ax = population_curves(many)
    assert ax.get_lines()[0].get_ydata().tolist() == [4, 4, 4]
    assert [len(line) for line in ax.collections[0].get_segments()] == [1, 3, 3]


def test_curves_of_thousands_are_thinned():
    ax = population_curves(population(np.ones((1000, 2000))))
    assert "each network (300 of 1,000)" in texts(ax)
    assert len(ax.collections[0].get_segments()[0]) == 500


@pytest.mark.parametrize(
    ("by", "labels"),
    [
        ("learning_rate", ["0.01: median of 8", "0.1: median of 8", "1: median of 8"]),
        ("optimizer", ["SGD: median of 12", "Adam: median of 12"]),
    ],
)
def test_curves_by_a_setting(by, labels, tmp_path):
    assert texts(saved(population_curves(grid(), by=by), tmp_path)) == labels


def test_curves_by_many_numbers_have_a_colour_bar(tmp_path):
    many = population(np.ones((30, 2)), momentum=np.linspace(0, 0.9, 30))
    ax = saved(population_curves(many, by="momentum"), tmp_path)
    assert ax.figure.axes[1].get_ylabel() == "momentum"
    many = population(np.ones((8, 2)), activation=list("abcdefgh"))
    with pytest.raises(ValueError, match="at most 7, a colour each"):
        population_curves(many, by="activation")


def test_one_network(tmp_path):
    one = population([[3.0, 2.0, 1.0]])
    ax = saved(population_curves(one), tmp_path)
    assert len(ax.get_lines()) == 1
    assert ax.get_title() == "loss of 1 network"
    with pytest.raises(ValueError, match=r"'seed', which is 0 for every member.*vary="):
        metric_against(one, "seed")
    with pytest.raises(ValueError, match="in which no setting varies"):
        parallel_coordinates(one)


def test_metric_against_numbers(tmp_path):
    ax = saved(metric_against(grid(), "learning_rate"), tmp_path)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    median, best = ax.get_lines()
    np.testing.assert_allclose(median.get_xydata(), np.transpose([RATES, RATES]))
    np.testing.assert_allclose(best.get_ydata(), [0.01])
    assert ax.get_ylabel() == "final loss"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.01", "0.1", "1"]


def test_metric_against_marks_who_diverged(tmp_path):
    many = grid()
    many.history["loss"][-3:, -1] = np.inf
    ax = saved(metric_against(many, "learning_rate", "accuracy"), tmp_path)
    assert "3 of 24 diverged" in texts(ax)
    assert len(ax.get_lines()[-1].get_xdata()) == 3


def test_metric_against_what_is_not_a_number(tmp_path):
    many = grid()
    many.settings["drawn"] = [None, 0.5, True, "he"] * 6
    for name, shown in (
        ("optimizer", ["SGD", "Adam"]),
        ("drawn", ["None", "0.5", "True", "he"]),
    ):
        ax = saved(metric_against(many, name), tmp_path)
        assert [t.get_text() for t in ax.get_xticklabels()] == shown
    many.settings["optimizer"] = [SGD(0.1), SGD(0.2)] * 12
    ax = metric_against(many, "optimizer")
    first = ax.get_xticklabels()[0].get_text()
    assert first == "SGD(learning_rate=0.1)"


def test_zero_stands_beside_decades(tmp_path):
    many = population(np.ones((6, 2)), l2=[0, 1e-5, 1e-4, 1e-3, 1e-2, 0])
    ax = saved(metric_against(many, "l2"), tmp_path)
    assert ax.get_xscale() == "linear"
    assert [t.get_text() for t in ax.get_xticklabels()][:2] == ["0", "1e-05"]


def test_random_settings_have_medians_of_ten_groups(tmp_path):
    rate = np.geomspace(1e-4, 1, 200)
    many = population(rate[:, None] * np.ones(3), rate=rate, size=rate[::-1])
    ax = saved(metric_against(many, "rate"), tmp_path)
    assert len(ax.get_lines()[0].get_xdata()) == 10
    saved(parallel_coordinates(many), tmp_path)
    with pytest.raises(ValueError, match="'size' with 200 values; expected at most 30"):
        heat_map(many, "rate", "size")


def test_parallel_coordinates(tmp_path):
    many = grid()
    many.history["loss"][-1] = np.nan
    ax = saved(parallel_coordinates(many), tmp_path)
    shown = [t.get_text() for t in ax.get_xticklabels()]
    assert shown == ["learning rate", "units", "optimizer", "final loss"]
    assert texts(ax) == [
        "the other 21",
        "best tenth (2)",
        "best: 0.01",
        "1 of 24 diverged, left out",
    ]
    ((*path,),) = ax.collections[-1].get_segments()
    np.testing.assert_allclose(path[-1], [3, 0])  # the least loss of all


def test_heat_map(tmp_path):
    many = grid()
    many.history["loss"][0] = np.nan
    many.history["loss"][-4:] = np.nan
    ax = saved(heat_map(many, "learning_rate", "units"), tmp_path)
    written = [text.get_text() for text in ax.texts]
    assert written == ["0.01\n1 diverged", "0.1", "1", "0.01", "0.1", "all\ndiverged"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "units")
    assert ax.get_title() == "mean final loss, 4 networks a cell"
    ax = saved(
        heat_map(population(np.ones((2, 2)), a=[1, 2], b=[1, 2]), "a", "b"), tmp_path
    )
    assert len(ax.texts) == 2  # the pairs without a network are empty


def test_wilson_interval():
    # Newcombe, 1998, table I: 81 of 263 and 0 of 20.
    np.testing.assert_allclose(wilson_interval(81, 263), [0.2553, 0.3662], atol=5e-5)
    np.testing.assert_allclose(wilson_interval(0, 20), [0, 0.1611], atol=5e-5)
    assert wilson_interval(20, 20) == pytest.approx([1 - 0.1611, 1], abs=5e-5)


def test_success_shares(tmp_path):
    many = grid(seeds=10)
    good = many.final("loss") < 0.5
    ax = saved(
        success_shares(many, good, "learning_rate", by=["units", "optimizer"]), tmp_path
    )
    assert texts(ax) == ["2, SGD", "2, Adam", "4, SGD", "4, Adam"]
    for line in ax.containers:
        assert line.lines[0].get_ydata().tolist() == [100, 100, 0]
    ax = saved(success_shares(many, good, "units"), tmp_path)
    assert ax.get_legend() is None
    np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), 200 / 3)
    with pytest.raises(ValueError, match=r"shape \(3,\).*for each of the 60 members"):
        success_shares(many, good[:3], "units")
    with pytest.raises(ValueError, match="at most two settings"):
        success_shares(many, good, "units", by=["seed", "optimizer", "learning_rate"])


@pytest.mark.parametrize(
    "draw",
    [
        population_curves,
        parallel_coordinates,
        lambda many: metric_against(many, "learning_rate"),
        lambda many: heat_map(many, "learning_rate", "units"),
    ],
)
def test_all_diverged_is_refused(draw):
    many = grid()
    many.history["loss"][:, -1] = np.nan
    with pytest.raises(ValueError, match="whose 24 members all diverged"):
        draw(many)


def test_names_that_a_population_does_not_have():
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        metric_against(grid(), "learning_rat")
    with pytest.raises(ValueError, match="Unknown log 'mse'"):
        population_curves(grid(), "mse")


def test_drawn_on_the_axes_given():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert population_curves(grid(), ax=ax) is ax
