"""A service says what its model says, to many at once, and refuses the rest."""

import asyncio
import json
import re
import threading

import numpy as np
import pandas as pd
import pytest
from quick_fits import Quick, quickly

from onefit import tables
from onefit.serving import Bounds, Service
from onefit.serving.batching import Batches
from onefit.tables import file, making
from onefit.tables.records import Records
from onefit.tables.roles import columns_of
from onefit.tables.typical import typical
from onefit.tables.values import MISSING
from onefit.web import Refused

N = 120


def shop(target):
    """Rows with gaps: a number, a code, words, an order, true and false, a date."""
    rng = np.random.default_rng(0)
    size = rng.choice(["S", "M", "L"], N)
    price = rng.gamma(2, 30, N).round(2)
    frame = pd.DataFrame({
        "order_id": np.arange(N) + 1000,
        "price": price,
        "city": rng.choice(["Rome", "Oslo", "Nice"], N),
        "size": pd.Categorical(size, ["S", "M", "L"], ordered=True),
        "member": rng.choice(["true", "false"], N),
        "placed": pd.date_range("2024-01-01", periods=N).strftime("%d.%m.%Y"),
        "note": [f"please ring {k} times at the door {k % 7}" for k in range(N)],
    })  # fmt: skip
    frame.loc[::9, "price"] = None
    return frame.assign(goal=target(price, frame))


def fitted(frame, target="goal"):
    """A model by least squares in place of networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "fitted", quickly)
        patch.setattr(file, "Fitted", Quick)
        return tables.fit(frame, target)


@pytest.fixture(scope="module")
def frame():
    return shop(lambda price, f: np.where(f["city"] == "Oslo", "yes", "no"))


@pytest.fixture(scope="module")
def model(frame):
    return fitted(frame)


@pytest.fixture(scope="module")
def number():
    return fitted(shop(lambda price, f: 3 * price + np.arange(N) % 5))


class Client:
    """Asks an ASGI application, without a net."""

    def __init__(self, app):
        self.app = app

    def __call__(self, *requests):
        """The answers to requests that come at once: (status, headers, body)."""
        return asyncio.run(self._all(requests))

    async def _all(self, requests):
        async with self.app.router.lifespan_context(self.app):
            return await asyncio.gather(*(self._one(*each) for each in requests))

    async def _one(self, method, path, body=b"", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        given = {"host": "localhost:8000", "content-type": "application/json"}
        given |= dict(headers)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 1),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        told = b"".join(message.get("body", b"") for message in sent[1:])
        if found["content-type"] == "application/json":
            told = json.loads(told)
        return sent[0]["status"], found, told


@pytest.fixture
def client():
    pytest.importorskip("starlette")
    from onefit.serving import Service, application

    def made(model, **options):
        service = Service(model, **options.pop("asked", {}))
        return Client(application(service, **options))

    return made


ROWS = [
    {
        "price": 12.5,
        "city": "Oslo",
        "size": "M",
        "member": True,
        "placed": "05.02.2024",
    },
    {"price": "1,012.50 €", "city": " Rome", "size": "XL", "member": "false"},
    {"price": None, "city": "?", "placed": "2024-02-05", "note": "no bell at the door"},
    {"price": 7, "city": "Paris", "size": "S", "placed": "soon", "note": None},
]


def as_frame(rows):
    """The same rows as a file has them."""
    names = ["price", "city", "size", "member", "placed", "note"]
    flags = {True: "true", False: "false"}
    return pd.DataFrame(
        [[flags.get(row.get(n), row.get(n)) for n in names] for row in rows],
        columns=names,
    ).astype(object)


# Rows ---------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::onefit.errors.OnefitWarning")
@pytest.mark.parametrize("i", range(len(ROWS)))
def test_a_row_means_what_it_means_in_a_frame(model, i):
    said = Service(model).answer([ROWS[i]])[0]
    wanted = model.predict_proba(as_frame([ROWS[i]]))[0]
    np.testing.assert_allclose(list(said["probabilities"].values()), wanted, atol=2e-6)
    assert said["prediction"] == model.predict(as_frame([ROWS[i]]))[0]


def test_the_training_table_is_answered_as_in_a_frame(model, number, frame):
    rows = frame.drop(columns="goal").astype(object)
    rows = rows.where(rows.notna(), None).to_dict("records")
    said = Service(model).answer(rows)
    wanted = model.predict_proba(frame.drop(columns="goal"))
    found = [list(one["probabilities"].values()) for one in said]
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert [one["id"] for one in said] == frame["order_id"].tolist()
    assert not any(one["warnings"] for one in said)
    of_numbers = Service(number, coverage=0.5).answer(rows)
    lower, upper = number.predict_interval(frame.drop(columns="goal"), 0.5)
    found = [[one["lower"], one["upper"]] for one in of_numbers]
    np.testing.assert_allclose(found, np.stack([lower, upper], 1), rtol=1e-5)


def test_each_row_has_its_own_warnings(model):
    said = [one["warnings"] for one in Service(model).answer(ROWS)]
    assert said[0] == [
        "column 'note': missing, as in no row of training: taken as unknown"
    ]
    assert any("1012.5 is outside of" in note for note in said[1])
    assert "column 'size': 'XL' was never seen in training: taken as unknown" in said[1]
    assert any("column 'city': missing" in note for note in said[2])
    assert "column 'placed': 'soon' is no date: taken as missing" in said[3]
    assert (
        "column 'city': 'Paris' was never seen in training: taken as unknown" in said[3]
    )
    extra = Service(model).answer([{**ROWS[0], "colour": "red"}])[0]["warnings"]
    assert extra[0] == "'colour': not in the training table, so left aside"


def test_what_means_missing_may_be_a_number(frame):
    columns = [c for c in columns_of(frame) if c.name == "price"]
    values = Records(columns, MISSING | {"99"})([{"price": 99}, {"price": 10**400}])[0]
    assert np.isnan(values.values["price"]).all()


def test_thresholds_and_sureness_are_those_of_predict(model):
    share = Service(model).answer(ROWS[:1])[0]["probabilities"]["yes"]
    for threshold, said in ((share + 1e-3, "no"), (share - 1e-3, "yes")):
        one = Service(model, threshold=threshold).answer(ROWS[:1])[0]
        assert one["prediction"] == said
    assert Service(model, sure=1.0).answer(ROWS[2:3])[0]["prediction"] is None
    with pytest.raises(ValueError, match="sure: received 2"):
        Service(model, sure=2)
    with pytest.raises(ValueError, match="coverage: received 1"):
        Service(model, coverage=1)


def test_several_targets_are_told_by_name(model, number):
    both = tables.Several({"goal": model, "sum": number})
    said = Service(both).answer(ROWS[:2])
    assert list(said[0]) == ["goal", "sum"]
    assert said[1]["sum"]["lower"] < said[1]["sum"]["prediction"]


# What makes up a prediction -----------------------------------------------------------


def test_contributions_lead_from_a_typical_row_to_this_one(model, number):
    for one, asked in ((model, "yes"), (number, None)):
        told = Service(one).explain({**ROWS[0], "city": "Oslo"})
        parts = {p["column"]: p["adds"] for p in told["contributions"]}
        whole = told["typical"] + sum(parts.values())
        assert whole == pytest.approx(told["prediction"], abs=1e-9)
        assert told.get("of") in (asked, None if asked is None else "no")
    assert max(map(abs, parts.values())) == abs(parts["price"])


def test_typical_rows_have_the_cells_of_training_as_often(model, frame):
    many, one = typical(model.columns, 4000, ROWS[0])
    for city in ("Rome", "Oslo"):
        share = (frame["city"] == city).mean()
        assert (many["city"] == city).mean() == pytest.approx(share, abs=0.03)
    price = many["price"].astype(float)
    assert np.isnan(price).mean() == pytest.approx(
        frame["price"].isna().mean(), abs=0.03
    )
    assert np.nanmedian(price) == pytest.approx(frame["price"].median(), rel=0.2)
    assert one["placed"] == np.datetime64("2024-02-05")


# Over HTTP ----------------------------------------------------------------------------


def test_rows_come_as_json_or_csv(model, client):
    rows = [{k: v for k, v in row.items() if v is not None} for row in ROWS[:2]]
    text = b"city;price;placed\nOslo;12,5;05.02.2024\n"
    answers = client(model)(
        ("POST", "/predict", {"rows": rows}),
        ("POST", "/predict", rows),
        ("POST", "/predict", rows[0]),
        ("POST", "/predict", text, {"content-type": "text/csv; charset=utf-8"}),
        ("POST", "/predict", {"city": "Oslo", "price": 12.5, "placed": "05.02.2024"}),
    )
    assert [status for status, *_ in answers] == [200] * 5
    told = [body["predictions"] for *_, body in answers]
    assert told[0] == told[1] == Service(model).answer(rows)
    assert told[2] == told[0][:1]
    assert told[3] == told[4]


BAD = {
    "no JSON": (b"{", 400, "expected JSON. Write {\"rows\""),
    "nothing": (b"", 400, "expected JSON"),
    "deep": (b"[" * 100_000, 400, "values too deep in one another"),
    "bytes": (b"\xff\xfe\x00", 400, "expected JSON"),
    "a number": (b"7", 400, "received a number; expected an object"),
    "null": (b"null", 400, "received null"),
    "no rows": (b"[]", 400, "received no rows"),
    "rows that are none": (b'{"rows": [1]}', 400, "row 1: received a number"),
    "a list in a cell": (b'{"city": [1]}', 400, "row 1, column 'city': .* a list"),
    "not a number": (b'{"price": NaN}', 400, "expected JSON"),
    "half a letter": (b'{"city": "\\ud800"}', 400, "half a letter"),
    "too many digits": (b'{"price": ' + b"9" * 5000 + b"}", 400, "no plain JSON"),
    "other columns": (b'{"u": 1}', 422, "the columns that the model was trained on"),
    "long names": (
        b'{"city": 1, "price": 1, "size": 1, "' + b"x" * 100_001 + b'": 1}',
        422,
        "4 columns whose names have 100,014 letters",
    ),
    "too many rows": (b'[{"city": 1}' + b',{}' * 8 + b"]", 413, "9 rows; expected 8"),
    "too large": (b'"' + b"x" * 4000, 413, "more than 3,000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_table_is_refused_in_a_sentence(model, client, name):
    body, status, words = BAD[name]
    if len(body) > 9000:
        ask = client(model)
    else:
        ask = client(
            model, bounds=Bounds(rows=8, size=3000 if len(body) < 4500 else 9000)
        )
    found, headers, told = ask(("POST", "/predict", body))[0]
    assert found == status, told
    assert re.search(words, told["error"])
    assert list(told) == ["error"]
    assert "default-src 'none'" in headers["content-security-policy"]


CSV = {
    "cut off": (b"city,price\nOslo\n", "line 2: received 1 cell"),
    "a quote": (b'city,price\n"Oslo,1\n', "line 2"),
    "packed": (b"\x1f\x8b\x08\x00", ""),
    "a zip": (b"PK\x03\x04,b\n1,2\n", ""),
    "a database": (b"SQLite format 3\x00", ""),
    "no header": (b"city,price\n", "a header without rows"),
    "empty": (b" \n", "an empty text"),
}


@pytest.mark.parametrize("name", CSV)
def test_text_is_text_whatever_it_begins_with(model, client, name):
    body, words = CSV[name]
    asked = ("POST", "/predict", body, {"content-type": "text/csv"})
    status, _, told = client(model)(asked)[0]
    assert status in (400, 422)
    assert words in told["error"]


def test_others_are_kept_out(model, client):
    token = "t" * 20
    row = {"city": "Oslo", "price": 1, "size": "S"}
    right = {"authorization": f"Bearer {token}"}
    ask = client(model, token=token)
    answers = ask(
        ("GET", "/schema"),
        ("POST", "/predict", row, {"authorization": "Bearer no"}),
        ("POST", "/predict", row, {"authorization": "Bearer caf\u00e9"}),
        ("POST", "/predict", row, right),
        ("GET", "/health"),
        ("GET", "/"),
        ("GET", "/health", b"", {"host": "evil.example:8000"}),
        ("POST", "/predict", row, {**right, "content-type": "text/plain"}),
        ("GET", "/nothing"),
        ("GET", "/predict"),
    )  # fmt: skip
    found = [status for status, *_ in answers]
    assert found == [401, 401, 401, 200, 200, 200, 421, 415, 404, 405]
    assert "that `onefit serve` said" in answers[0][2]["error"]
    assert token not in json.dumps(
        [told for *_, told in answers if isinstance(told, dict)]
    )
    assert client(model, hosts=("*",))(
        ("GET", "/health", b"", {"host": "shop.example"})
    )[0][0] == 200  # fmt: skip


def test_a_failure_is_told_without_its_inside(model, client, monkeypatch, caplog):
    def fails(self, rows):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(Service, "answer", fails)
    ask = ("POST", "/predict", {"city": "Oslo", "price": 1, "size": "S"})
    status, _, told = client(model)(ask)[0]
    assert (status, told) == (
        500,
        {"error": "the service: it failed, and wrote down why."},
    )
    assert "secret inside" in caplog.text


def test_what_takes_too_long_is_given_up(model, client, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(Service, "answer", lambda self, rows: gate.wait(5) and [])
    ask = client(model, bounds=Bounds(seconds=0.05))
    threading.Timer(0.3, gate.set).start()
    status, _, told = ask(
        ("POST", "/predict", {"city": "Oslo", "price": 1, "size": "S"})
    )[0]
    assert status == 503
    assert "more than 0.05 seconds" in told["error"]


def test_it_describes_itself(model, number, client):
    answers = client(model)(("GET", "/schema"), ("GET", "/openapi.json"), ("GET", "/"))
    schema, api = answers[0][2], answers[1][2]
    roles = {c["name"]: c["role"] for c in schema["columns"]}
    assert roles == {"price": "number", "city": "category", "size": "ordered",
        "member": "category", "placed": "date", "note": "text"}  # fmt: skip
    assert schema["id"] == "order_id"
    assert schema["targets"][0]["classes"] == ["no", "yes"]
    row = api["components"]["schemas"]["Row"]["properties"]
    assert row["city"]["examples"] == ["Nice", "Oslo", "Rome"]
    answer = api["paths"]["/predict"]["post"]["responses"]["200"]["content"]
    item = answer["application/json"]["schema"]["properties"]["predictions"]["items"]
    assert set(item["properties"]) == {"prediction", "probabilities", "warnings"}
    page = answers[2][2].decode()
    assert not re.search(r"https?://|//[a-z]+\.|<script>|style=| on[a-z]+=", page)
    both = Service(tables.Several({"goal": model, "sum": number})).schema()
    assert [target["name"] for target in both["targets"]] == ["goal", "goal"]


def test_it_counts_what_it_does(model, client):
    row = {"city": "Oslo", "price": 1, "size": "S"}
    ask = client(model)
    *_, (_, _, told) = ask(*[("POST", "/predict", row)] * 3, ("GET", "/x"))
    status, _, text = ask(("GET", "/metrics"))[0]
    assert status == 200
    assert b'onefit_requests_total{path="/predict",status="200"} 3' in text
    assert b"onefit_rows_total 3" in text
    assert b'onefit_request_seconds_bucket{le="+Inf"} 4' in text
    assert "expected one of POST /predict" in told["error"]


# Many at once -------------------------------------------------------------------------


def test_what_comes_while_a_call_runs_is_one_call():
    calls, gate = [], threading.Event()

    def answer(rows):
        calls.append(len(rows))
        if len(calls) == 1:
            gate.wait(5)
        return [{"twice": 2 * row["x"]} for row in rows]

    async def many():
        batches = Batches(answer, 20, 1000)
        first = asyncio.create_task(batches.ask([{"x": 0}]))
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(batches.ask([{"x": i}] * 2)) for i in range(1, 16)]
        await asyncio.sleep(0.01)
        rest[3].cancel()
        gate.set()
        said = await asyncio.gather(first, *rest, return_exceptions=True)
        await batches.close()
        return said

    said = asyncio.run(many())
    assert calls == [1, 20, 8]  # one that was given up is not computed
    for i, one in enumerate(said):
        if i == 4:
            assert isinstance(one, asyncio.CancelledError)
        else:
            assert one == [{"twice": 2 * i}] * (1 if i == 0 else 2)


def test_a_row_that_fails_fails_alone_and_too_many_are_sent_away():
    def answer(rows):
        if any(row["x"] == 3 for row in rows):
            raise RuntimeError("three")
        return [{"x": row["x"]} for row in rows]

    async def many():
        batches = Batches(answer, 100, 7)
        asked = (batches.ask([{"x": i}]) for i in range(10))
        said = await asyncio.gather(*asked, return_exceptions=True)
        await batches.close()
        return said

    said = asyncio.run(many())
    assert [type(one).__name__ for one in said] == [
        *["list"] * 3, "RuntimeError", *["list"] * 3, *["Refused"] * 3
    ]  # fmt: skip
    assert isinstance(said[-1], Refused)
    assert said[-1].status == 503
