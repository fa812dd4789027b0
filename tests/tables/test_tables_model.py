"""What columns and targets are found to be, and what a TableModel says of other rows."""

# ruff: noqa: E501  (a table is easier to read a row a line)

import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import OnefitWarning, tables
from onefit.tables import roles
from onefit.tables.preparation import Cells, Preparation
from onefit.tables.records import Records
from onefit.tables.roles import columns_of
from onefit.tables.targets import folds_of, target_of

RNG = np.random.default_rng(0)
N = 60
A = RNG.normal(size=N).round(3)
CITY = RNG.choice(["Rome", "Oslo", "Lima"], N)


def frame(**columns):
    return pd.DataFrame({"a": A, "city": CITY, **columns})


# Roles --------------------------------------------------------------------------------

TEXTS = [" ".join(RNG.choice([*"abcdefg"], 6)) for _ in range(N)]
ROLES = {
    "numbers": (A, "number", "different numbers"),
    "whole numbers that count up": (np.arange(N), "number", "numbers"),
    "words": (CITY, "category", "3 different words"),
    "true or false": (A > 0, "category", "true or false"),
    "an order": (
        pd.Categorical(CITY, ["Oslo", "Lima", "Rome"], ordered=True),
        "ordered",
        "pandas",
    ),
    "dates": (pd.date_range("2024", periods=N).astype(str), "date", "dates"),
    "text": (TEXTS, "text", "6 words in a cell"),
    "names": ([f"Ann, B. {i}" for i in range(N)], "text", "hardly ever come again"),
    "one value": ([7] * N, "drop", "7 in every row"),
    "one value with gaps": ([7, None] * (N // 2), "number", "1 different"),
    "nothing": ([None] * N, "drop", "empty"),
    "keys": ([f"k{i}" for i in range(N)], "drop", "an id: another word"),
    "the same again": (A, "number", ""),
    "codes": ([f"0{i % 7}" for i in range(N)], "category", "7 different words"),
}


@pytest.mark.parametrize("kind", ROLES)
def test_a_column_has_the_role_that_its_cells_tell(kind):
    values, role, reason = ROLES[kind]
    [column] = columns_of(tables.read({"x": values}))
    assert column.role == role
    assert reason in column.reason


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("id", "drop"),
        ("PassengerId", "drop"),
        ("customer_id", "drop"),
        ("Unnamed: 0", "drop"),
        ("time", "number"),
        ("x", "number"),
        ("valid", "number"),
    ],
)
def test_the_name_tells_what_only_counts_rows(name, role):
    [column] = columns_of(pd.DataFrame({name: np.arange(N)}))
    assert column.role == role
    [given] = columns_of(pd.DataFrame({name: np.arange(N)}), {name: "number"})
    assert (given.role, given.reason) == ("number", "given")


def test_a_column_that_is_there_twice_is_left_out():
    found = columns_of(frame(again=A, scaled=2 * A))
    assert [c.role for c in found] == ["number", "category", "drop", "number"]
    assert found[2].reason == "the same in each row as 'a'"


# Targets ------------------------------------------------------------------------------

TARGETS = {
    "two words": (["no", "yes"] * 9, "binary", ["no", "yes"]),
    "two numbers": ([2, 1] * 9, "binary", [1, 2]),
    "two numbers that are not whole": ([2.5, 1.5] * 9, "binary", [1.5, 2.5]),
    "true and false": ([True, False] * 9, "binary", ["False", "True"]),
    "three words": (["x", "y", "z"] * 6, "multiclass", ["x", "y", "z"]),
    "few whole numbers": ([0, 1, 2] * 6, "multiclass", [0, 1, 2]),
    "grades": (list(range(21)) * 3, "regression", None),
    "counts": (
        [0, 0, 0, 1, 1, 2, 3, 5, 1, 0, 9, 25] * 3 + list(range(20)),
        "count",
        None,
    ),
    "very different sizes": (list(np.exp(RNG.normal(5, 2, 99))), "skewed", None),
    "an order of pandas": (
        pd.Categorical(
            ["low", "mid", "high"] * 6, ["low", "mid", "high"], ordered=True
        ),
        "ordered",
        ["low", "mid", "high"],
    ),
    "numbers that never repeat": (list(range(12)), "regression", None),
    "numbers": (list(A), "regression", None),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_target_asks_for_what_its_values_tell(kind):
    values, problem, classes = TARGETS[kind]
    cells = tables.read({"y": values})["y"]
    target = target_of(cells)
    assert (target.problem, target.classes) == (problem, classes)
    codes = target.encoded(cells)
    if classes:
        assert [str(v) for v in target.named(codes)] == [str(v) for v in cells]
    else:
        np.testing.assert_array_equal(codes, values)


def test_a_target_of_words_has_the_order_that_is_given(quick):
    table = frame(size=RNG.choice(["S", "M", "L"], N))
    model = tables.fit(table, "size", roles={"size": ["S", "M", "L"]})
    assert (model.target.problem, model.classes) == ("ordered", ["S", "M", "L"])
    with pytest.raises(ValueError, match="no place for 'L'"):
        tables.fit(table, "size", roles={"size": ["S", "M"]})
    with pytest.raises(ValueError, match="words without an order"):
        tables.fit(table, "size", problem="ordered")


def test_numbers_that_look_cut_off_are_said(quick):
    price = np.minimum(np.abs(A) * 100, 80)
    notes = tables.fit(frame(price=price), "price").notes
    assert any("greatest target, 80: it looks cut off there" in note for note in notes)


def test_several_targets_and_labels_in_one_file(quick, tmp_path):
    table = frame(double=2 * A, tall=np.where(A > 0, "yes", "no"))
    two = tables.fit(table, ["double", "tall"])
    assert [model.target.problem for model in two.values()] == ["regression", "binary"]
    assert {c.name: c.role for c in two["tall"].columns}["double"] == "drop"
    assert two.predict(table).columns.tolist() == ["double", "tall"]
    two.save(tmp_path / "two.onefit")
    again = onefit.load_model(tmp_path / "two.onefit")
    pd.testing.assert_frame_equal(again.predict(table), two.predict(table))
    two.report(tmp_path / "two.html")
    page = (tmp_path / "two.html").read_text()
    assert page.count("<h1>") == 2
    two.report(tmp_path / "two.json")
    assert len(json.loads((tmp_path / "two.json").read_text())["targets"]) == 2
    tags = np.where(A > 0, "red; tall", np.where(CITY == "Oslo", "red", None))
    many = tables.fit(frame(tags=tags), "tags", problem="multilabel")
    assert list(many) == ["tags=tall"]  # all that are known are red
    with pytest.raises(ValueError, match="no word that some cells list"):
        tables.fit(frame(tags="red"), "tags", problem="multilabel")


def test_rows_that_are_others_than_in_training_are_said(quick):
    model = tables.fit(frame(y=A), "y")
    table = frame()
    assert model.drift(table) == []
    moved = table.assign(city="Rome")
    [line] = model.drift(moved)
    assert (line["column"], line["part"]) == ("city", "'Rome'")
    assert line["now"] == 1
    heard = []
    list(model.answers(moved, heard.append))
    assert any(
        "column 'city' is not as in training: 'Rome' in 100 %" in h for h in heard
    )


def test_answers_by_a_threshold_and_only_where_sure(quick):
    model = tables.fit(frame(y=np.where(A > 0, "yes", "no")), "y")
    p = model.predict_proba(frame())

    def said(**told):
        return np.concatenate(
            [a.prediction for a in model.answers(frame(), print, **told)]
        )

    assert (said(threshold=0.9) == np.where(p[:, 1] >= 0.9, "yes", "no")).all()
    assert (said(threshold=[[0, 1], [99, 0]]) == "yes").sum() >= (said() == "yes").sum()
    sure = said(sure=0.8)
    assert [answer is None for answer in sure] == (p.max(axis=1) < 0.8).tolist()
    with pytest.raises(ValueError, match="sure: received 2"):
        said(sure=2)
    with pytest.raises(ValueError, match=r"threshold: received 1\.5"):
        said(threshold=1.5)


GOOD = ["no", "yes"] * (N // 2)
REFUSED = {
    "no such column": (
        frame(price=A),
        {"target": "prise"},
        r"no column 'prise'.*nearest are 'price', '\w+', '\w+'",
    ),
    "one value": (frame(y=7), {}, r"the one value '7' in every row"),
    "nothing": (frame(y=None), {}, "an empty target"),
    "one row": (frame(y=[1.5] + [None] * (N - 1)), {}, "one row with a target"),
    "words that never repeat": (
        frame(y=[f"rue {i}" for i in range(N)]),
        {},
        "60 different words in 60 rows.*another target",
    ),
    "an id": (frame(id=np.arange(N)), {}, "an id: another whole number"),
    "dates": (frame(y=pd.date_range("2024", periods=N)), {}, "dates as the target"),
    "no column": (pd.DataFrame({"y": A}), {}, "no column beside the target"),
    "no column of use": (
        pd.DataFrame({"k": 1, "y": A}),
        {},
        r"\('k': 1 in every row\).*roles=",
    ),
    "a role": (
        frame(y=A),
        {"roles": {"a": "numbr"}},
        "Unknown role 'numbr'. Did you mean 'number'",
    ),
    "a role of no column": (frame(y=A), {"roles": {"b": "drop"}}, "no column 'b'"),
    "a number that is none": (
        frame(y=A),
        {"roles": {"city": "number"}},
        "column 'city', row 0: received '[A-Z]",
    ),
    "weights": (
        frame(w=-1.0, y=A),
        {"roles": {"w": "weight"}},
        "column 'w', row 0: received the weight -1",
    ),
    "time": (
        frame(t=None, y=A),
        {"roles": {"t": "time"}},
        "a date or a number in each row",
    ),
    "one group": (frame(g="x", y=A), {"roles": {"g": "group"}}, "one group"),
    "regression of words": (
        frame(y=GOOD),
        {"problem": "regression"},
        "row 0: received 'no'; expected a number",
    ),
    "binary of three": (
        frame(y=CITY),
        {"problem": "binary"},
        "3 different values; expected two",
    ),
    "a problem": (
        frame(y=A),
        {"problem": "ranking"},
        "'ranking'; expected one of auto",
    ),
    "a metric": (frame(y=A), {"metric": "rsme"}, "Unknown metric"),
    "an option": (frame(y=A), {"qualty": "best"}, "Unknown option of read 'qualty'"),
    "classes of one row": (
        pd.DataFrame({"a": [1, 2, 3], "y": [1, 2, 3]}),
        {"problem": "multiclass"},
        "no part can be held out",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses_before_time_is_spent(kind, quick):
    table, options, words = REFUSED[kind]
    with pytest.raises(ValueError, match=words):
        tables.fit(table, **{"target": table.columns[-1], **options})


# Folds --------------------------------------------------------------------------------


def test_folds_have_their_share_of_each_class_and_hold_each_row_once():
    y = np.array([0] * 40 + [1] * 15 + [2] * 5 + [3])
    folds = folds_of(y, 5)
    asked = np.concatenate([rows for _, rows in folds])
    assert sorted(asked) == list(range(60))  # but for the class of one row
    for train, rows in folds:
        assert not set(train) & set(rows)
        assert np.bincount(y[rows], minlength=3).tolist() == [8, 3, 1]


def test_folds_keep_groups_together_and_time_in_order():
    groups = RNG.integers(0, 9, N)
    for train, asked in folds_of(A, 3, groups=groups):
        assert not set(groups[train]) & set(groups[asked])
        assert 10 < len(asked) < 30
    for train, asked in folds_of(A, 4, times=A):
        assert A[train].max() < A[asked].min()


# Preparation --------------------------------------------------------------------------


def prepared(table, rows, **roles):
    table = tables.read(table)
    columns = columns_of(table, roles)
    cells = Cells.of(table, columns)
    return Preparation.of(cells, columns, np.asarray(rows))(cells)


def test_preparation_knows_its_rows_alone():
    table = {"x": [1.0, 2, 3, 1e9], "w": ["u", "v", "u", "new"]}
    made = prepared(table, [0, 1, 2])
    np.testing.assert_allclose(made.numbers[:3, 0], [-1, 0, 1])
    assert made.codes[:, 0].tolist() == [1, 2, 1, 0]
    assert made.sizes == (2,)


def test_what_is_missing_has_the_middle_value_and_is_said():
    made = prepared({"x": [1.0, None, 3, 5], "w": ["u", None, "v", "u"]}, range(4))
    assert made.numbers[1, 0] == 0
    assert made.codes.tolist() == [[1, 1], [0, 2], [2, 1], [1, 1]]


def test_no_digit_is_lost_of_large_numbers():
    x = 1.7e9 + np.arange(8)
    made = prepared({"x": x, "huge": np.arange(8) * 1e41}, range(8))
    np.testing.assert_allclose(np.diff(made.numbers, axis=0), 2 / 7, rtol=1e-5)


def test_numbers_far_away_are_there_once_more_and_near(quick, tmp_path):
    money = np.concatenate([np.arange(95.0), 10.0 ** np.arange(3, 8)])
    cells = pd.DataFrame({"x": np.where(np.arange(100) % 9, money, np.nan)})
    columns = columns_of(cells)
    assert columns[0].tails
    made = Preparation.of(Cells.of(cells, columns), columns, np.arange(100))
    numbers = made(Cells.of(cells, columns)).numbers
    assert numbers.shape == (100, 2)
    assert made.names()[:2] == ["x", "x"]
    known = cells["x"].notna().to_numpy()
    near = numbers[known, 1]
    assert (np.diff(near) > 0).all()  # none is lost
    assert near.max() < 20  # though the last is far beyond
    assert (numbers[~known, 1] == 0).all()
    [plain] = columns_of(pd.DataFrame({"x": np.arange(100.0)}))
    assert not plain.tails


def test_dates_are_times_and_places_on_circles():
    days = pd.date_range("2024-01-01", periods=8)  # a Monday
    made = prepared({"d": days}, range(8)).numbers
    assert made.shape == (8, 3)  # time, and the day of the week by sine and cosine
    assert abs(made[0, 0]) == abs(made[-1, 0])
    np.testing.assert_allclose(made[0, 1:], made[7, 1:], atol=1e-6)


def test_an_order_is_a_number_and_texts_are_told_apart():
    sizes = prepared({"s": ["S", "L", "M", "XL"]}, range(4), s=["S", "M", "L"])
    assert np.sign(np.diff(sizes.numbers[[0, 2, 1], 0])).tolist() == [1, 1]
    words = ["good film of the year"] * 20 + ["bad film of last year"] * 20
    texts = [f"{text} {i}" for i, text in enumerate(words)]
    made = prepared({"t": texts}, range(40)).numbers
    apart = np.abs(made[:20].mean(0) - made[20:].mean(0)) / made.std(0).clip(1e-9)
    assert apart.max() > 1.5


def test_many_values_seen_once_are_unknown():
    words = [f"w{i}" for i in range(100)] + ["often"] * 20 + ["also"] * 10
    made = prepared({"w": words}, range(130))
    assert made.sizes == (2,)
    assert (made.codes[:100] == 0).all()
    assert (made.codes[100:] > 0).all()


# A model ------------------------------------------------------------------------------


@pytest.fixture
def shop(quick):
    rows = frame(Id=np.arange(N) + 1, when=pd.date_range("2024", periods=N).astype(str))
    rows["y"] = np.where(A + (CITY == "Rome") > 0.3, "yes", "no")
    rows.loc[::9, "a"] = None
    rows.loc[::20, "y"] = None
    said = []
    return tables.fit(rows, "y", say=said.append), rows, said


def test_what_was_found_is_said(shop):
    model, rows, said = shop
    assert "3 rows with an empty target are left out" in said
    assert any("'Id' is left out: an id" in note for note in said)
    assert model.facts["rows"] == len(rows) - 3
    assert model.classes == ["no", "yes"]
    assert model.evaluate(rows)["accuracy"] > 0.8
    assert model.predict_proba(rows).shape == (N, 2)
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1)


def test_a_file_holds_all_of_it(shop, tmp_path):
    model, rows, _ = shop
    model.save(tmp_path / "m.onefit")
    again = onefit.load_model(tmp_path / "m.onefit")
    np.testing.assert_array_equal(model.predict_proba(rows), again.predict_proba(rows))
    assert again.facts == json.loads(json.dumps(model.facts))
    assert again.notes == model.notes
    with pytest.raises(ValueError, match="which exists"):
        model.save(tmp_path / "m.onefit", overwrite=False)


def test_columns_come_in_any_order(shop):
    model, rows, _ = shop
    other = rows[["city", "when", "a"]]
    np.testing.assert_array_equal(model.predict(other), model.predict(rows))
    assert len(model.predict(rows.iloc[:1])) == 1
    assert len(model.predict(rows.iloc[:0])) == 0


ODD = {
    "missing column": (
        lambda f: f.drop(columns="a"),
        "no column 'a': taken as missing",
    ),
    "more columns": (lambda f: f.assign(z=1), "'z': not in the training table"),
    "new word": (
        lambda f: f.assign(city="Berlin"),
        r"'Berlin' was never seen in training \(60 rows\)",
    ),
    "out of range": (
        lambda f: f.assign(a=99),
        r"99 is outside of .* where training was \(60 rows\)",
    ),
    "no number": (lambda f: f.assign(a="much"), "'much' in row 0 is no number"),
    "new gaps": (
        lambda f: f.assign(when=None),
        "missing in 60 rows, .* the middle value",
    ),
    "no words": (lambda f: f.assign(city=None), "missing in 60 rows, .* as unknown"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_rows_are_answered_in_words(shop, kind):
    model, rows, _ = shop
    change, words = ODD[kind]
    with pytest.warns(OnefitWarning, match=words):
        assert len(model.predict(change(rows))) == N


def test_rows_of_other_columns_are_refused(shop):
    model, rows, _ = shop
    with pytest.raises(ValueError, match=r"no column 'a', 'city', 'when'; it has 'q'"):
        model.predict({"q": [1, 2]})
    with pytest.raises(ValueError, match=r"no column 'y'.*nearest"):
        model.evaluate(rows.drop(columns="y"))
    with pytest.raises(ValueError, match="the class 'perhaps'; expected"):
        model.evaluate(rows.assign(y="perhaps"))
    with pytest.raises(ValueError, match="Write predict_proba"):
        model.predict_interval(rows)


def test_dates_are_read_as_in_training(quick):
    days = pd.date_range("2024-01-01", periods=N)
    rows = pd.DataFrame({"d": days.strftime("%d/%m/%Y"), "y": np.arange(N) * 1.0})
    model = tables.fit(rows, "y")
    assert model.predict({"d": ["02/01/2024", "01/02/2024"]}).round() == pytest.approx(
        [1, 31], abs=2
    )


def test_a_unit_is_read_as_in_training(quick, tmp_path):
    rows = frame(size=[f"{a:g} kg" for a in A], y=3 * A)
    model = tables.fit(rows.drop(columns="a"), "y")
    model.save(tmp_path / "m.onefit")
    again = onefit.load_model(tmp_path / "m.onefit")
    assert again.columns[1].role == "number"
    city = ["Rome"] * 3
    with pytest.warns(OnefitWarning, match="'1 lb' in row 2 is no number"):
        said = again.predict({"size": ["1 kg", "1", "1 lb"], "city": city})
    assert said[0] == said[1] == pytest.approx(3, abs=0.5)
    cells, _ = Records(again.columns)([{"size": "1 kg"}, {"size": 1}])
    assert cells.values["size"].tolist() == [1.0, 1.0]


def test_a_cell_of_many_letters_is_kept_nowhere(quick, tmp_path):
    huge = "x" * 100_000
    rows = frame(
        note=["short", huge] * (N // 2), y=[["a", "A "][i % 2] for i in range(N)]
    )
    said = []
    model = tables.fit(rows, "y", say=said.append)
    for name in ("m.onefit", "r.json", "r.html"):
        (model.save if name == "m.onefit" else model.report)(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 50_000
    again = onefit.load_model(tmp_path / "m.onefit")
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    with pytest.warns(OnefitWarning, match=r"'x{1000}\.\.\. .* was never seen"):
        again.predict(rows.assign(note=huge + "y"))


def test_many_words_are_written_once_and_the_commonest_are_known(monkeypatch):
    monkeypatch.setattr(roles, "MOST_WORDS", 40)
    names = [f"n{min(i, 99 - i)}" for i in range(100)] + [f"s{i}" for i in range(30)]
    cells = pd.DataFrame({"x": names})
    [column] = columns = columns_of(cells)
    assert len(column.values) == 40
    assert column.reason.endswith("the 40 commonest are known")
    made = Preparation.of(Cells.of(cells, columns), columns, np.arange(130), most=40)
    told, arrays = made.state()
    assert told == {"vocabularies": {}}
    again = Preparation.from_state(columns, told, arrays)
    assert again.vocabularies == made.vocabularies
    assert set(again.vocabularies["x"]) == set(column.values)


def test_words_that_differ_in_capitals_are_said(quick):
    said = []
    spelled = np.array(["yes", "Yes", "no"])[np.arange(N) % 3]
    tables.fit(frame(y=spelled, ok=spelled), "y", say=said.append)
    for called in ("the target 'y'", "column 'ok'"):
        assert any(f"{called}: 'Yes' and 'yes' are different" in note for note in said)


def test_a_report_in_json_has_no_number_that_json_has_not(quick, tmp_path):
    rows = frame(y=["ok"] * (N - 2) + ["bad"] * 2)
    model = tables.fit(rows, "y", quality="quick")
    assert "auc" not in model.facts["scores"]  # the part held out has one class
    model.facts["importance"].append({"worse": float("nan"), "low": -np.inf})
    model.report(tmp_path / "r.json")

    def refuse(name):
        raise AssertionError(name)

    told = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert told["importance"][-1] == {"worse": None, "low": None}


def test_what_means_missing_is_kept(quick, tmp_path):
    rows = frame(y=3 * A)
    rows.loc[::4, "a"] = 99
    model = tables.fit(rows, "y", missing=["99"])
    rows.iloc[:8].to_csv(tmp_path / "t.csv", index=False)
    assert model.columns[0].missing == 0.25
    assert np.abs(model.predict(tmp_path / "t.csv")).max() < 30


def test_numbers_have_intervals(quick):
    rows = frame(y=3 * A + RNG.normal(size=N))
    model = tables.fit(rows, "y")
    low, high = model.predict_interval(rows)
    assert ((low <= rows["y"]) & (rows["y"] <= high)).mean() > 0.85
    with pytest.raises(ValueError, match="coverage: received 2"):
        model.predict_interval(rows, 2)
    with pytest.raises(ValueError, match="Write predict_interval"):
        model.predict_proba(rows)


def test_columns_that_tell_the_answer_are_said(quick):
    rows = frame(b=A[::-1], c=RNG.normal(size=N))
    said = []
    tables.fit(rows.assign(y=rows.a + rows.b), "y", say=said.append)
    assert any("the target is a + b, plus a constant" in note for note in said)
    said.clear()
    told = np.where(A > 0, "yes", "no")
    tables.fit(
        rows.assign(code=np.where(A > 0, "Y", "N"), y=told), "y", say=said.append
    )
    assert any("each word of 'code' stands for one value" in note for note in said)


def test_roles_decide_weights_groups_and_time(quick):
    rows = frame(w=1.0, g=RNG.integers(0, 6, N), t=np.arange(N), y=A)
    model = tables.fit(rows, "y", roles={"w": "weight", "g": "group", "a": "drop"})
    assert {c.name: c.role for c in model.columns}["a"] == "drop"
    later = tables.fit(rows, "y", roles={"t": "time"})
    asked = ~np.isnan(later.fitted.out_of_fold)
    assert not asked[:10].any()
    assert asked[10:].all()


def test_the_most_telling_column_is_the_most_important(shop):
    model, _, _ = shop
    lines = model.facts["importance"]
    assert {line["column"] for line in lines} == {"a", "city", "when"}
    assert lines[-1]["column"] == "when"
    assert lines[0]["low"] > 0 > lines[-1]["low"]
    curves = {curve["column"]: curve for curve in model.facts["responses"]}
    said = [mean[1] for mean in curves["a"]["mean"]]
    assert said[-1] - said[0] > 0.3  # the greater a, the likelier yes


def test_a_row_is_explained_by_its_columns(shop):
    model, rows, _ = shop
    told = model.explain(rows.iloc[[1]], rows)
    assert set(told.parts) == {"a", "city", "when"}
    total = told.base + sum(told.parts.values())
    np.testing.assert_allclose(total, model.predict_proba(rows.iloc[[1]])[0])
    with pytest.raises(ValueError, match="received 60 rows; expected one row"):
        model.explain(rows, rows)


def test_the_report_needs_nothing_else(shop, tmp_path):
    model, _, _ = shop
    model.notes.append("<script>alert(1)</script>")
    model.report(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "<script>" not in page
    assert not re.search(r"(src|href)=", page)
    for words in ("ahead of", "an id: another whole number", "log_loss", "most wrong"):
        assert words in page
    model.report(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["problem"] == "binary"
    with pytest.raises(ValueError, match="which exists"):
        model.report(tmp_path / "r.json", overwrite=False)


# A file from a stranger ---------------------------------------------------------------


def test_what_is_no_model_at_all_is_refused(tmp_path):
    path = tmp_path / "m.onefit"
    for strange in (b"\x80\x04N.", b"PK\x03\x04garbage", b""):
        path.write_bytes(strange)
        with pytest.raises(ValueError, match="expected a file that `onefit train`"):
            tables.load(path)


def test_a_file_that_is_not_as_written_is_refused(shop, tmp_path):
    model, _, _ = shop
    path = tmp_path / "m.onefit"
    model.save(path)
    with zipfile.ZipFile(path) as zip_:
        parts = {name: zip_.read(name) for name in zip_.namelist()}
    config = json.loads(parts["table.json"])
    [told] = config["models"]

    def other(columns):
        return json.dumps({**config, "models": [{**told, "columns": columns}]})

    changes = {
        "cut": lambda: path.read_bytes()[:-20],
        "no arrays": lambda: {"table.json": parts["table.json"]},
        "more": lambda: {**parts, "code.py": b"1"},
        "no JSON": lambda: {**parts, "table.json": b"{"},
        "other names": lambda: {**parts, "table.json": b"{}"},
        "a pickle": lambda: {**parts, "arrays.safetensors": b"\x80\x04N."},
        "a role": lambda: {
            **parts,
            "table.json": other([{**c, "role": "x"} for c in told["columns"]]),
        },
        "a column of other fields": lambda: {
            **parts,
            "table.json": other([{"name": "a"}]),
        },
    }
    for change in changes.values():
        made = change()
        if isinstance(made, dict):
            with zipfile.ZipFile(path, "w") as zip_:
                for name, content in made.items():
                    zip_.writestr(name, content)
        else:
            path.write_bytes(made)
        with pytest.raises(ValueError, match=r"m\.onefit"):
            tables.load(path)
