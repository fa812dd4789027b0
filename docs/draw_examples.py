"""Draws a picture of each example from what it finds: docs/pictures/examples.

    python docs/draw_examples.py            # of the examples that changed
    python docs/draw_examples.py xor_training digits

An example is run as it is; the picture is of its results, of the models that it made,
or is the one that it draws itself. A picture holds the fingerprint of the program that
it is of. A new example has a function here, named like it, whose docstring is the words
for those who cannot see the picture.
"""

import contextlib
import hashlib
import importlib.util
import inspect
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any  # Any: what an example finds, each its own

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
EXAMPLES, PICTURES = ROOT / "examples", ROOT / "docs" / "pictures" / "examples"
BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "0.55"
"""Of Okabe and Ito, told apart by everyone."""


@dataclass
class Run:
    """An example that was run: its module, what `main` gave, the models it made."""

    module: ModuleType
    found: Any
    models: list[Any]


def fingerprint(name: str) -> str:
    """What the program of an example is, without what it says of itself."""
    program = (EXAMPLES / f"{name}.py").read_text("utf-8").split('"""', 2)[2]
    return hashlib.sha256(program.encode()).hexdigest()[:16]


def run(name: str, **arguments: Any) -> Run:
    """Runs an example, and keeps the models that it makes."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    models: list[Any] = []

    def kept(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*given: Any, **options: Any) -> Any:
            models.append(make(*given, **options))
            return models[-1]

        return made

    for kind in ("Sequential", "Model"):
        if hasattr(module, kind):
            setattr(module, kind, kept(getattr(module, kind)))
    with contextlib.redirect_stdout(io.StringIO()):
        found = module.main(**arguments)
    return Run(module, found, models)


def axes(columns: int = 1, **options: Any) -> Any:
    """A figure's Axes: one, or several side by side."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - tests read the names alone

    return Figure(figsize=(5, 3.3), layout="constrained").subplots(
        1, columns, **options
    )


def bars(ax: "Axes", rows: list[str], columns: dict[str, list[float]]) -> None:
    """Horizontal bars, a group for each row, the first on top."""
    high = 0.8 / len(columns)
    for number, (name, values) in enumerate(columns.items()):
        at = np.arange(len(rows)) + (number - (len(columns) - 1) / 2) * high
        ax.barh(at, values, high, label=name, color=[BLUE, RED, GREEN][number])
    ax.set_yticks(range(len(rows)), rows)
    ax.invert_yaxis()
    if len(columns) > 1:
        ax.legend(fontsize=8)


def curves(ax: "Axes", lines: dict[str, Any], **labels: Any) -> "Figure":
    """Lines over 1, 2, 3, ..."""
    for name, values in lines.items():
        ax.plot(np.arange(1, len(values) + 1), values, label=name)
    ax.set(**labels)
    ax.legend(fontsize=8)
    return whole(ax)


def whole(drawn: Any) -> "Figure":
    """The Figure of an Axes, or of several."""
    return drawn.flat[0].figure if isinstance(drawn, np.ndarray) else drawn.figure


def activation_functions() -> "Figure":
    """Seven activation functions, each with its derivative dashed."""
    return run("activation_functions").module.draw()


def autoencoder() -> "Figure":
    """Eight digits above, and below them what the decoder makes of 8 numbers each."""
    it = run("autoencoder")
    x, _ = it.module.datasets.load_digits()
    _, test = it.module.split_dataset(x / 16, 1440, shuffle=True, seed=0)
    panels = np.array([test[:8], it.found["digits"][:8]]).reshape(2, 8, 8, 8)
    ax = axes()
    pad = np.pad(panels, ((0, 0), (0, 0), (1, 1), (1, 1)))
    ax.imshow(np.block([list(row) for row in pad]), cmap="gray_r", vmin=0, vmax=1)
    ax.set_yticks([4.5, 14.5], ["digit", "by 8\nnumbers"])
    ax.set_xticks([])
    return whole(ax)


def cnn_digits() -> "Figure":
    """Accuracy of three networks, as it is and with images moved by one pixel."""
    found, ax = run("cnn_digits").found, axes()
    there, aside = zip(*found.values(), strict=True)
    bars(ax, list(found), {"test images": list(there), "one pixel aside": list(aside)})
    ax.set(xlabel="accuracy", xlim=(0, 1))
    ax.legend(fontsize=8, loc="lower left")
    return whole(ax)


def cnn_mnist_shape() -> "Figure":
    """The 32 filters of the first convolution, blue above 0 and red below."""
    from onefit.plots import weights_as_images  # noqa: PLC0415

    return whole(weights_as_images(run("cnn_mnist_shape").models[0]))


def coffee_roasting() -> "Figure":
    """Roasts by temperature and minutes, and the border that the network drew."""
    from onefit.plots import decision_boundary  # noqa: PLC0415

    it = run("coffee_roasting")
    x, y = it.module.datasets.coffee(400)
    ax = decision_boundary(it.models[0], x, y, labels=["bad", "good"])
    ax.set(xlabel="degrees", ylabel="minutes")
    return whole(ax)


def digits() -> "Figure":
    """The loss of a wrong answer by its logit: exact, clipped, and infinite."""
    rows, ax = np.array(run("digits").found["rounding"]), axes()
    z = [5, 25, 50, 100]
    naive, clipped, plain, logits = rows.T
    ax.plot(z, naive, "D-", color=GREY, label="−log(softmax): ∞ from z = 50 on")
    ax.plot(z, clipped, "s-", color=RED, label="clipped at 1e-7")
    ax.plot(z, plain, "o-", color=BLUE, markersize=9, label="onefit, plain")
    ax.plot(z, logits, "x", color="black", label="onefit, from_logits")
    ax.set(xlabel="z, for the logits z and −z", ylabel="loss, 2z")
    ax.legend(fontsize=8)
    return whole(ax)


def gradient_descent() -> "Figure":
    """Steps down x² with three rates: too small, good, and up the walls again."""
    found, panels = run("gradient_descent").found["x²"], axes(3, sharey=True)
    x = np.linspace(-2.2, 2.2, 100)
    for ax, (alpha, colour) in zip(
        panels, {0.01: GREY, 0.3: BLUE, 1.1: RED}.items(), strict=True
    ):
        path = found[alpha][:5] if alpha > 1 else found[alpha]
        ax.plot(x, x**2, color="0.75")
        ax.plot(path, path**2, "o-", color=colour, markersize=4)
        ax.set(title=f"α = {alpha}", xlabel="x")
    panels[0].set_ylabel("x²")
    return whole(panels[0])


def house_prices() -> "Figure":
    """Prices of houses by size, a line through them, and the neuron that stays at 0."""
    it, ax = run("house_prices"), axes()
    size, price = it.module.datasets.houses(200)
    slope, intercept = it.found["line"]
    x = np.linspace(-1, size.max(), 100)
    ax.plot(size, price, ".", color=GREY, label="houses")
    ax.plot(x, slope * x + intercept, "--", color=RED, label="linear regression")
    ax.plot(x, np.maximum(0, it.found["w"] * x + it.found["b"]), color=BLUE,
            label="the neuron, a ReLU")  # fmt: skip
    ax.set(xlabel="size (100 m²)", ylabel="price (100,000)")
    ax.legend(fontsize=8)
    return whole(ax)


def inception() -> "Figure":
    """The graph of the network: four branches side by side that meet again."""
    from onefit.plots import plot_model  # noqa: PLC0415

    return whole(plot_model(run("inception", epochs=1).models[-1], rankdir="LR"))


def lasso_ridge() -> "Figure":
    """Eight weights by each penalty: L1 lies on the lasso, L2 on the ridge."""
    found, ax = run("lasso_ridge").found, axes()
    at = np.arange(1, 9)
    ax.axhline(0, color="0.8")
    ax.plot(at, found["true"], "_", color="black", markersize=22, label="true")
    looks = {
        "none": ("s", GREY, 5), "Lasso": ("o", "#F4B183", 10), "L1": ("x", RED, 6),
        "Ridge": ("o", "#9CC9E8", 10), "L2": ("+", BLUE, 7),
    }  # fmt: skip
    for shift, (name, (mark, colour, size)) in enumerate(looks.items()):
        aside = (-0.2, 0, 0, 0.2, 0.2)[shift]
        ax.plot(at + aside, found[name], mark, color=colour, markersize=size,
                label=name)  # fmt: skip
    ax.set(xlabel="weight", ylabel="value")
    ax.legend(fontsize=8, ncols=2)
    return whole(ax)


def linear_layers() -> "Figure":
    """Outputs on a line of inputs: two linear layers are straight, a ReLU bends."""
    (deep, flat, bent), ax = run("linear_layers").models, axes()
    t = np.linspace(-3, 3, 121)
    x = t[:, None] * np.array([1.0, -0.5, 0.8])
    ax.plot(t, bent.predict(x, verbose=0)[:, 0], color=RED, label="with ReLU")
    ax.plot(t, deep.predict(x, verbose=0)[:, 0], color="#9CC9E8", linewidth=6,
            label="two linear layers")  # fmt: skip
    ax.plot(t, flat.predict(x, verbose=0)[:, 0], color=BLUE, label="one layer")
    ax.set(xlabel="t, of the inputs x = t·(1, −0.5, 0.8)", ylabel="first output")
    ax.legend(fontsize=8)
    return whole(ax)


def mnist() -> "Figure":
    """The graph of the network, from 28 by 28 pixels to 10 logits."""
    from onefit import datasets  # noqa: PLC0415
    from onefit.plots import plot_model  # noqa: PLC0415

    # The network is the same whatever it learns from, and nothing is downloaded.
    x = np.kron(datasets.load_digits()[0].reshape(-1, 8, 8), np.ones((3, 3)))
    x = np.pad(x, ((0, 0), (2, 2), (2, 2))).astype("uint8")
    y = datasets.load_digits()[1]
    rows = {"x_train": x, "y_train": y, "x_test": x[:10], "y_test": y[:10]}
    file = ROOT / "build" / "draw_examples.npz"
    file.parent.mkdir(exist_ok=True)
    np.savez(file, **rows)
    given = {"path": file, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    it = run("mnist", epochs=1, **given)
    file.unlink()
    return whole(plot_model(it.models[0], show_shapes=True, rankdir="LR"))


def mse_rmse() -> "Figure":
    """Four numbers, four predictions, and the square of each error as a square."""
    it, ax = run("mse_rmse"), axes()
    ax.axline((0, 0), slope=1, color="0.75")
    for y, a in zip(it.module.Y_TRUE, it.module.Y_PRED, strict=True):
        corner = (min(y, a), min(y, a))
        side = abs(y - a)
        ax.add_patch(_square(corner, side))
        ax.plot(y, a, "o", color=BLUE)
    ax.set(xlabel="target", ylabel="prediction", xlim=(-1, 9), ylim=(-1, 9))
    ax.set_title(f"MSE {it.found['mse'][0]:.3f}, RMSE {it.found['rmse'][0]:.3f}")
    ax.set_aspect("equal")
    return whole(ax)


def _square(corner: tuple[float, float], side: float) -> Any:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    return Rectangle(corner, side, side, color=RED, alpha=0.4)


def multilabel() -> "Figure":
    """Left, three discs that overlap: several labels. Right, three regions: a class."""
    (many, one), (left, right) = run("multilabel").models, axes(2, sharey=True)
    line = np.linspace(-1.5, 1.5, 121)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    for number, colour in enumerate((BLUE, RED, GREEN)):
        inside = many.predict(grid, verbose=0)[:, number].reshape(121, 121)
        left.contourf(line, line, inside, [0.5, 1.1], colors=colour, alpha=0.4)
        region = one.predict(grid, verbose=0).argmax(1).reshape(121, 121) == number
        right.contourf(line, line, region, [0.5, 1.1], colors=colour, alpha=0.4)
    left.set(title="sigmoids: which discs?", xlabel="x₁", ylabel="x₂", aspect="equal")
    right.set(title="softmax: which centre?", xlabel="x₁", aspect="equal")
    return whole(left)


def optimizer_paths() -> "Figure":
    """The paths of six optimizers down a long valley, over its height lines."""
    it = run("optimizer_paths")
    return it.module.draw(it.found)


def overfitting() -> "Figure":
    """The error on training and on unseen rows, without a remedy and with six."""
    found, ax = run("overfitting").found, axes()
    *_, training, unseen = zip(*found.values(), strict=True)
    bars(ax, list(found), {"training": list(training), "unseen rows": list(unseen)})
    ax.axvline(0.09, color="0.3", linestyle=":")
    ax.set_xlabel("mean square error (dotted: the noise alone)")
    return whole(ax)


def parameter_counts() -> "Figure":
    """The 6-9-4 network: its neurons, and a line for each of its weights."""
    from onefit.plots import network  # noqa: PLC0415

    return whole(network(run("parameter_counts").models[0]))


def piecewise_linear() -> "Figure":
    """Four ReLUs, dashed, and their sum: up, steeper, and level again."""
    model, ax = run("piecewise_linear").models[0], axes()
    x = np.linspace(-1, 5, 241)
    for shift, sign in enumerate((1, 1, -1, -1)):
        ax.plot(x, sign * np.maximum(0, x - shift), "--", color=GREY, linewidth=1)
    ax.plot(x, model.predict(x[:, None], verbose=0), color=BLUE, linewidth=2.5)
    ax.set(xlabel="x", ylabel="ŷ", ylim=(-3, 5))
    return whole(ax)


def series_forecast() -> "Figure":
    """Sixty days of rides that were not learned from, and two forecasts of each day."""
    it, ax = run("series_forecast"), axes()
    module = it.module
    y = module.datasets.rides(1461, noise=module.NOISE)
    x = np.lib.stride_tricks.sliding_window_view(y[:-1], module.DAYS)[-60:, :, None]
    days = np.arange(1461 - 60, 1461)
    ax.plot(days, y[-60:], "o", color=GREY, markersize=3, label="rides")
    for model, name, colour in zip(
        it.models, ("Conv1D", "LSTM"), (BLUE, RED), strict=True
    ):
        ax.plot(days, model.predict(x, verbose=0), color=colour, label=name)
    ax.set(xlabel="day", ylabel="rides")
    ax.legend(fontsize=8)
    return whole(ax)


def single_neuron() -> "Figure":
    """The weight and bias over 200 steps: onefit's dots lie on the loop's lines."""
    found, panels = run("single_neuron").found, axes(2)
    for ax, (name, pairs) in zip(panels, found.items(), strict=True):
        w, w_onefit, b, b_onefit = pairs.T
        steps = 40 * np.arange(1, len(w) + 1)
        ax.plot(steps, w, color=BLUE, label="w by hand")
        ax.plot(steps, w_onefit, "o", color=BLUE, label="w by onefit")
        ax.plot(steps, b, color=RED, label="b by hand")
        ax.plot(steps, b_onefit, "o", color=RED, label="b by onefit")
        ax.set(title=f"{name} regression", xlabel="steps")
    panels[0].legend(fontsize=8)
    return whole(panels[0])


def softmax_probabilities() -> "Figure":
    """Four probabilities that sum to one, and the loss if each were the answer."""
    a, losses = run("softmax_probabilities").found[4]
    panels = axes(2)
    for ax, values, name, colour in zip(
        panels, (a, losses), ("a_j", "−log a_j"), (BLUE, RED), strict=True
    ):
        drawn = ax.bar(range(1, 5), values, color=colour)
        ax.bar_label(drawn, fmt="%.2f", fontsize=8)
        ax.set(xlabel="class j", title=name)
    return whole(panels[0])


def text_compared() -> "Figure":
    """Accuracy by epoch: three recurrent readers learn, the average stays near half."""
    it = run("text_compared")
    lines = {
        name: model.history.history["accuracy"]
        for name, model in zip(it.module.READERS, it.models, strict=True)
    }
    return curves(axes(), lines, xlabel="epoch", ylabel="accuracy", ylim=(0, 1.05))


def text_lstm() -> "Figure":
    """The probability of yes for four texts that differ by the order of their words."""
    it, ax = run("text_lstm"), axes()
    texts = [text.replace(" but ", "\nbut ").replace(" and ", "\nand ")
             for text in it.module.QUESTIONS]  # fmt: skip
    bars(ax, texts, {"P(yes)": list(it.found["answers"])})
    ax.bar_label(ax.containers[0], fmt="%.2f", padding=3)
    ax.set(xlabel="P(yes)", xlim=(0, 1.2))
    return whole(ax)


def torch_network() -> "Figure":
    """The loss by torch's loop as circles, by fit as a line through them."""
    found, ax = run("torch_network").found, axes()
    epochs = 100 * np.arange(10)
    ax.plot(epochs, found["loop"]["losses"], "o", color=RED, label="loop of torch")
    ax.plot(epochs, found["fit"]["losses"], color=BLUE, label="onefit's fit")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend(fontsize=8)
    return whole(ax)


def trace_by_hand() -> "Figure":
    """The network 2-2-1 with the lecture's weights, and what it makes of (1, 0)."""
    from onefit.plots import network  # noqa: PLC0415

    return whole(network(run("trace_by_hand").models[0], [1.0, 0.0]))


def training_loop() -> "Figure":
    """The loss over 1,000 steps of the loop."""
    found, ax = run("training_loop").found, axes()
    ax.plot(100 * np.arange(10), found["losses"], "o-", color=BLUE)
    ax.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    return whole(ax)


def transformer() -> "Figure":
    """Which letter each of two heads looks at, when it is asked for one of eight."""
    it, ax = run("transformer"), axes()
    x, _ = it.module.draw(1000, seed=1)
    names = [f"{chr(97 + a)}{b}" for a, b in zip(x["letter"][0], x["digit"][0])]  # noqa: B905
    looking = it.found["weights"][0][:, 1:]
    ax.imshow(looking, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(looking):
        colour = "white" if share > 0.6 else "black"
        ax.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour,
                fontsize=8)  # fmt: skip
    ax.set_xticks(range(8), names[1:])
    ax.set_yticks(range(2), ["head 1", "head 2"])
    ax.set_title(f"where is {names[0][0]}?")
    return whole(ax)


def two_inputs_two_outputs() -> "Figure":
    """The graph of the network: an image and a table in, a class and a number out."""
    from onefit.plots import plot_model  # noqa: PLC0415

    model = run("two_inputs_two_outputs", epochs=1).models[0]
    return whole(plot_model(model, rankdir="LR"))


def why_it_does_not_learn() -> "Figure":
    """What the guide found in the last network: the error on unseen rows grows."""
    from onefit.plots import finding  # noqa: PLC0415

    reports, _ = run("why_it_does_not_learn").found
    ax = axes()
    finding(next(iter(reports["by_heart"])), ax=ax)
    return whole(ax)


def xor_by_hand() -> "Figure":
    """The plane of two inputs by h1, which is OR, h2, which is NAND, and their AND."""
    from onefit.plots import unit_responses  # noqa: PLC0415

    it = run("xor_by_hand")
    x, _ = it.module.datasets.xor()
    return whole(unit_responses(it.models[0], x))


def xor_populations() -> "Figure":
    """How often XOR gets stuck, by hidden units, and the losses of 12,000 networks."""
    it = run("xor_populations")
    return it.module.draw(it.found["population"])


def xor_training() -> "Figure":
    """The plane of two inputs: a band of zeros between ones, as the four rows ask."""
    from onefit.plots import decision_boundary  # noqa: PLC0415

    it = run("xor_training")
    ax = decision_boundary(it.models[1], it.module.X, it.module.Y)
    return whole(ax)


DRAWN: dict[str, Callable[[], "Figure"]] = {
    name: thing
    for name, thing in list(globals().items())
    if inspect.isfunction(thing) and (EXAMPLES / f"{name}.py").exists()
}
"""What draws the picture of each example."""


def words(name: str) -> str:
    """The words of a picture for those who cannot see it."""
    return inspect.getdoc(DRAWN[name]) or ""


def save(name: str, figure: "Figure") -> Path:
    """Writes a picture, small: few pixels, few colours."""
    from PIL import Image, PngImagePlugin  # noqa: PLC0415

    file = io.BytesIO()
    dpi = min(900 / figure.get_figwidth(), 420 / figure.get_figheight())
    figure.savefig(file, format="png", dpi=dpi, facecolor="white")
    said = PngImagePlugin.PngInfo()
    said.add_text("Program", fingerprint(name))
    place = PICTURES / f"{name}.png"
    # Colours that cover little, as of thin lines, are kept: not so by the median cut.
    coverage = Image.Quantize.MAXCOVERAGE
    image = Image.open(file).convert("RGB").quantize(64, coverage)
    image.save(place, optimize=True, pnginfo=said)
    return place


def drawn_of(name: str) -> str:
    """The fingerprint of the program that a picture is of; empty without a picture."""
    from PIL import Image  # noqa: PLC0415

    place = PICTURES / f"{name}.png"
    if not place.exists():
        return ""
    with Image.open(place) as image:
        return str(image.info.get("Program", ""))


def main() -> None:
    """Draws what is asked for, or what is old; drops pictures without an example."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    old = [name for name in DRAWN if drawn_of(name) != fingerprint(name)]
    for name in sys.argv[1:] or old:
        place = save(name, DRAWN[name]())
        print(f"{place.relative_to(ROOT)}: {place.stat().st_size / 1000:.0f} kB")
    for place in PICTURES.glob("*.png"):
        if place.stem not in DRAWN:
            place.unlink()


if __name__ == "__main__":
    main()
