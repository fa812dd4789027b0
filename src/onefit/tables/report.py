"""The report of a model: one page that needs nothing else, or the same as JSON.

What was asked and found comes first, then how well it does beside what needs no
network, how far it can be relied on, and how to use it.
"""

import html
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onefit.files.atomic import replaced
from onefit.tables.facts import FEW
from onefit.tables.heads import HEADS
from onefit.tables.roles import INPUTS
from onefit.tables.scores import METRICS

if TYPE_CHECKING:
    from onefit.tables.model import TableModel
    from onefit.tables.several import Several

__all__ = ["facts", "page", "verdict", "write"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0;
  text-align: left; vertical-align: top; border-bottom: 1px solid #ddd }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.bar { background: #3b6ea5; height: .8rem; display: inline-block }
.weak { background: #bbb } .wide { overflow-x: auto }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto }
.verdict { background: #f4f4f4; padding: .8rem; border-left: 4px solid #3b6ea5 }
"""

MOST = 30
"""Classes or columns that a table of the page shows."""


def write(
    model: "TableModel | Several", filepath: str | os.PathLike, overwrite: bool
) -> None:
    """Writes the page, or JSON where the name ends in .json."""
    many = list(model.values()) if isinstance(model, Mapping) else [model]
    if os.fspath(filepath).lower().endswith(".json"):
        told = [facts(one) for one in many]
        whole = {"targets": told} if isinstance(model, Mapping) else told[0]
        text = json.dumps(_finite(whole), indent=1, ensure_ascii=False, default=_plain)
    else:
        text = page(*many)
    with replaced(filepath, overwrite=overwrite) as file:
        file.write(text.encode())


def _finite(value: Any) -> Any:
    """The same without NaN and infinity, which JSON has not: null."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    return value.tolist()  # numbers of numpy


def facts(model: "TableModel") -> dict[str, Any]:
    """All that the report tells, by name."""
    return {
        "target": model.target.state(),
        "columns": [column.state() for column in model.columns],
        "notes": model.notes,
        **model.facts,
    }


def verdict(model: "TableModel") -> list[str]:
    """Whether the networks are ahead of what needs none, in sentences."""
    told = model.facts
    board = {line["name"]: line for line in told["leaderboard"]}
    own = board["ensemble"]
    better = sorted(
        (line for line in board.values() if line["kind"] == "baseline"),
        key=lambda line: abs(line["score"] - own["score"]),
    )
    sign = METRICS[told["metric"]].sign
    ahead = [
        line
        for line in better
        if sign * (line["score"] - line.get("networks", own["score"])) >= 0
    ]
    score = f"{told['metric']} {own['score']:.4g}"
    low, high = own["interval"]
    interval = f"(95 %: {low:.4g} to {high:.4g})"
    first = (
        f"{ahead[0]['name']} is ahead of the networks: {told['metric']} "
        f"{_scored(ahead[0])}, and {own['score']:.4g} {interval}."
        if ahead
        else f"The networks have {score} {interval} on {told['scored_rows']:,} rows "
        "that they were not trained on, ahead of "
        + _and(f"{line['name']} ({_scored(line)})" for line in better)
        + "."
    )
    sentences = [first]
    if told["rows"] < FEW:
        sentences.append(
            f"{told['rows']} rows are too few to tell which is better; of these rows "
            f"themselves, {_known(told)}."
        )
    elif ahead:
        sentences.append(
            f"For these rows, {ahead[0]['name']} is the better choice; more time "
            "(--time) or --best may turn it round."
        )
    return sentences


def _scored(line: dict[str, Any]) -> str:
    """The score of a line, and that of the networks where its rows are fewer."""
    if "networks" not in line:
        return f"{line['score']:.4g}"
    return (
        f"{line['score']:.4g} on the rows of {line['folds']} of the folds, where the "
        f"networks have {line['networks']:.4g}"
    )


def _known(told: dict[str, Any]) -> str:
    """How well the networks know the rows that they were trained on."""
    if "mae" in told["trained"]:
        return f"the networks are off by {told['trained']['mae']:.4g} on average"
    right = round(told["trained"]["accuracy"] * told["rows"])
    return f"the networks have {right} of {told['rows']} right"


def _and(words: Iterable[str]) -> str:
    shown = list(words)
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


# The page -----------------------------------------------------------------------------


def page(*models: "TableModel") -> str:
    """The report as a page of HTML without anything from elsewhere."""
    names = ", ".join(model.target.name for model in models)
    title = f"{names} in {models[0].facts['source']}"
    parts = [part for model in models for part in _page_of(model)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _page_of(model: "TableModel") -> list[str]:
    """What there is to say of one target."""
    told, target = model.facts, model.target
    return [
        f"<h1>{_safe(target.name)} in {_safe(told['source'])}</h1>",
        f'<p class="verdict">{_safe(" ".join(verdict(model)))}</p>',
        *_asked(model),
        *_board(told),
        *_scores(told),
        *(_of_classes(model) if target.classes is not None else _of_numbers(told)),
        *(_answered(told) if target.classes is not None else ()),
        *_importance(told),
        *_responses(model),
        *_worst(told),
        *_drift(told),
        *_use(model),
    ]


def _safe(text: object) -> str:
    return html.escape(str(text))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers to the right, and what is markup already (`Bar`) as it is."""
    head = "".join(f"<th>{_safe(name)}</th>" for name in heads)
    lines = []
    for row in rows:
        cells = "".join(_cell(cell) for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


class _Bar(str):
    """Markup of a bar."""


def _bar(share: float, weak: bool = False) -> _Bar:
    width = max(0.0, min(1.0, share)) * 14
    return _Bar(
        f'<span class="bar{" weak" * weak}" style="width:{width:.2f}rem"></span>'
    )


def _cell(cell: object) -> str:
    if isinstance(cell, _Bar):
        return f"<td>{cell}</td>"
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        shown = f"{cell:,}" if isinstance(cell, int) else _number(cell)
        return f'<td class="n">{shown}</td>'
    return f"<td>{_safe(cell)}</td>"


def _asked(model: "TableModel") -> Iterable[str]:
    target, told = model.target, model.facts
    head = HEADS[target.problem]
    yield "<h2>What was asked, and what was found</h2>"
    classes = "" if target.classes is None else f": {_listed(target.classes)}"
    yield (
        f"<p>Predict <b>{_safe(target.name)}</b>, {_safe(head.title)}, "
        f"since it has {_safe(target.reason + classes)}. Its head and loss: "
        f"{_safe(head.why)}. {told['rows']:,} rows, "
        f"{sum(c.role in INPUTS for c in model.columns)} columns in use.</p>"
    )
    if model.notes:
        notes = "".join(f"<li>{_safe(note)}</li>" for note in model.notes)
        yield f"<ul>{notes}</ul>"
    yield _table(
        ["column", "role", "why", "missing"],
        [
            (c.name, c.role, c.reason, f"{100 * c.missing:.3g} %" if c.missing else "")
            for c in model.columns
        ],
    )


def _listed(values: Sequence[object]) -> str:
    shown = ", ".join(map(str, values[:MOST]))
    return shown + (", ..." if len(values) > MOST else "")


def _board(told: dict[str, Any]) -> Iterable[str]:
    yield f"<h2>Beside others on the same rows, by {_safe(told['metric'])}</h2>"
    yield _table(
        ["", told["metric"], "95 % from", "to", "seconds"],
        [
            (
                line["name"],
                float(line["score"]),
                *map(float, line["interval"]),
                float(line["seconds"]),
            )
            for line in told["leaderboard"]
        ],
    )


def _scores(told: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Scores of the networks</h2>"
    yield (
        f"<p>On {told['scored_rows']:,} rows, each asked of networks that were not "
        f"trained on it ({told['folds']} of the folds).</p>"
    )
    yield _table(["score", ""], [(k, float(v)) for k, v in told["scores"].items()])


def _of_classes(model: "TableModel") -> Iterable[str]:
    told, classes = model.facts, model.classes or []
    if len(classes) <= MOST:
        yield "<h2>What was called what</h2>"
        yield "<p>Down: the true class; across: what was said.</p>"
        rows = zip(classes, told["confusion"], strict=True)
        yield _table(["", *map(str, classes)], [(str(c), *row) for c, row in rows])
    yield "<h2>How far probabilities can be relied on</h2>"
    yield "<p>Of rows that were as sure as this, so many were right.</p>"
    yield _table(
        ["said", "right", "", "rows"],
        [
            (line["said"], line["right"], _bar(line["right"]), line["rows"])
            for line in told["calibration"]
        ],
    )


def _answered(told: dict[str, Any]) -> Iterable[str]:
    """Thresholds, and answers only where sure."""
    if told.get("thresholds"):
        yield "<h2>From which probability on to say yes</h2>"
        yield (
            "<p>The best for each score, found exactly on these rows: "
            "<code>onefit predict --threshold f1</code>.</p>"
        )
        yield _table(
            ["score", "best threshold", "with it", "with 0.5"],
            [
                (line["metric"], line["threshold"], line["score"], line["at_half"])
                for line in told["thresholds"]
            ],
        )
    yield "<h2>If it answers only when it is sure</h2>"
    yield (
        "<p>So many rows have an answer of at least this probability, and so many of "
        "them are right: <code>onefit predict --sure 0.9</code>.</p>"
    )
    yield _table(
        ["at least", "answered", "right", ""],
        [
            (line["least"], line["answered"], line["accuracy"], _bar(line["accuracy"]))
            for line in told["coverage"][::2]
        ],
    )


def _drift(told: dict[str, Any]) -> Iterable[str]:
    lines = told.get("drift")
    if lines is None:
        return
    yield f"<h2>Whether {_safe(told['tested'])} looks like the training table</h2>"
    if not lines:
        yield "<p>No column has moved by more than a tenth of its rows.</p>"
        return
    yield _table(
        ["column", "rows moved", "", "most of all", "in training", "there"],
        [
            (line["column"], line["moved"], _bar(line["moved"]), line["part"],
             line["trained"], line["now"])
            for line in lines[:MOST]
        ],
    )  # fmt: skip


def _of_numbers(told: dict[str, Any]) -> Iterable[str]:
    known = told["interval"]
    yield "<h2>How far numbers can be relied on</h2>"
    yield (
        f"<p>The intervals for 90 % hold the truth in {100 * known['measured']:.3g} % "
        f"of rows; they are {_number(known['width'])} wide on average"
        + (", by networks of their ends" if known["by_quantiles"] else "")
        + ", each as wide as the other rows say.</p>"
    )


def _importance(told: dict[str, Any]) -> Iterable[str]:
    lines = told["importance"]
    most = max((line["worse"] for line in lines), default=0.0) or 1.0
    yield "<h2>Which columns matter</h2>"
    yield (
        "<p>How much larger the loss is when the cells of a column are mixed; grey "
        "where that may be chance.</p>"
    )
    yield _table(
        ["column", "loss grows by", "95 % from", "to", ""],
        [
            (
                line["column"],
                line["worse"],
                line["low"],
                line["high"],
                _bar(line["worse"] / most, line["low"] <= 0),
            )
            for line in lines[:MOST]
        ],
    )


def _responses(model: "TableModel") -> Iterable[str]:
    classes = model.classes
    if model.facts["responses"]:
        yield "<h2>What is said as a column varies</h2>"
        what = "prediction" if classes is None else "probability of each class"
        yield f"<p>The mean {what}, all other columns being as they are.</p>"
    for curve in model.facts["responses"]:
        means = [[m] if classes is None else m for m in curve["mean"]]
        heads = ["mean"] if classes is None else [str(c) for c in classes[:MOST]]
        last = [mean[-1] for mean in means]
        low, span = min(last), max(last) - min(last) or 1.0
        yield _table(
            [curve["column"], *heads, "", "rows near"],
            [
                (value, *mean[:MOST], _bar((mean[-1] - low) / span), rows)
                for value, mean, rows in zip(
                    curve["values"], means, curve["rows"], strict=True
                )
            ],
        )


def _worst(told: dict[str, Any]) -> Iterable[str]:
    lines = told["worst"]
    if not lines:
        return
    yield "<h2>The most wrong rows</h2>"
    yield "<p>Look at these first: some may be mistakes.</p>"
    yield _table(list(lines[0]), [list(line.values()) for line in lines])


def _use(model: "TableModel") -> Iterable[str]:
    yield "<h2>How to use it</h2>"
    yield (
        "<pre>onefit predict MODEL rows.csv --output predictions.csv</pre>"
        "<pre>import onefit\nmodel = onefit.load_model(MODEL)\n"
        'model.predict("rows.csv")</pre>'
    )
    told = model.facts
    made = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    yield f"<p>Made with {_safe(made)}; seed {told['seed']}.</p>"
