"""Files as people have them, made here, beside the frame that they are."""

# ruff: noqa: E501  (a table is easier to read a row a line)

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import sqlite3
import sys
import zipfile
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from onefit import tables

NAN = float("nan")
DAY = pd.Timestamp
BODY = "a,b\n1,x\n2,y\n3,x\n"
RIGHT = {"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]}


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zip_:
        for name, text in members.items():
            zip_.writestr(name, text)
    return file.getvalue()


def excel(*rows):
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def binary(write):
    file = io.BytesIO()
    write(pd.DataFrame(RIGHT), file)
    return file.getvalue()


# A file, the columns it has, and a word of what was assumed ('' where nothing was).
FILES = {
    "plain": (BODY, RIGHT, ""),
    "semicolons": (BODY.replace(",", ";"), RIGHT, "stands ';'"),
    "tabs": (BODY.replace(",", "\t"), RIGHT, "stands a tab"),
    "bars": (BODY.replace(",", "|"), RIGHT, "stands '|'"),
    "spaces": ("a  b\n1  x\n2   y\n3  x\n", RIGHT, "stands a space"),
    "byte order mark": ("\ufeff" + BODY, RIGHT, ""),
    "windows lines": (BODY.replace("\n", "\r\n"), RIGHT, ""),
    "old mac lines": (BODY.replace("\n", "\r"), RIGHT, ""),
    "no last line end": (BODY.rstrip(), RIGHT, ""),
    "blank lines": (BODY.replace("\n", "\n\n"), RIGHT, ""),
    "latin-1": (
        "Größe,b\n1,ä\n2,€\n".encode("cp1252"),
        {"Größe": [1.0, 2.0], "b": ["ä", "€"]},
        "cp1252",
    ),
    "utf-16": ("a,b\n1,ä\n2,ß\n".encode("utf-16"), {"a": [1.0, 2.0], "b": ["ä", "ß"]}, ""),
    "comments": ("# made by a tool\n# in m\n" + BODY, RIGHT, "2 lines that begin with '#'"),
    "comment below": (BODY + "# the end\n", RIGHT, "line 5 begins with '#'"),
    "title": ("Report of 2024\n\n" + BODY, RIGHT, "'Report of 2024', is above the table"),
    "no header": (
        "1,x\n2,y\n",
        {"column1": [1.0, 2.0], "column2": ["x", "y"]},
        "line 1 is data",
    ),
    "no header, words": (
        "p,x\np,y\nq,x\nq,y\np,y\n",
        {"column1": [*"ppqqp"], "column2": [*"xyxyy"]},
        "line 1 is data",
    ),
    "names with spaces": (" a , b \n 1 , x \n 2 , y \n 3 , x \n", RIGHT, ""),
    "names of rows": ('"a","b"\n"1",1,"x"\n"2",2,"y"\n', {"column1": [1.0, 2.0], "a": [1.0, 2.0], "b": ["x", "y"]}, "has no name"),
    "a name twice": ("a,a\n1,2\n3,5\n", {"a": [1.0, 3.0], "a_2": [2.0, 5.0]}, "two columns are called 'a'"),
    "empty last cells": ("a,b,\n1,x,\n2,y,\n", {"a": [1.0, 2.0], "b": ["x", "y"], "column3": [NAN, NAN]}, "no name"),
    "quoted": ('a,b\n1,"x, ""y""\nz"\n2,w\n', {"a": [1.0, 2.0], "b": ['x, "y"\nz', "w"]}, ""),
    "backslashes": ('a,b\n1,"x \\"y\\""\n2,w\n', {"a": [1.0, 2.0], "b": ['x "y"', "w"]}, ""),
    "decimal comma": ("a;b\n1,5;2\n-2,25;3\n", {"a": [1.5, -2.25], "b": [2.0, 3.0]}, "comma is the decimal sign"),
    "decimal comma, thousands": ("a;b\n1.234,5;1\n12.000.000,25;2\n", {"a": [1234.5, 12000000.25], "b": [1.0, 2.0]}, "'1.234,5' is read as 1234.5"),
    "three decimals": ("a;b\n1,234;0,5\n2,500;1,5\n", {"a": [1.234, 2.5], "b": [0.5, 1.5]}, "comma is the decimal sign"),
    "thousands": ('a,b\n"1,234",2\n"12,000,000.5",3\n', {"a": [1234.0, 12000000.5], "b": [2.0, 3.0]}, "'1,234' is read as 1234"),
    "thousands by spaces": ("a,b\n1 234,2\n12 000.5,3\n", {"a": [1234.0, 12000.5], "b": [2.0, 3.0]}, "read as 1234"),
    "money": ('a,b\n"$1,234.50",2\n$-7,3\n', {"a": [1234.5, -7.0], "b": [2.0, 3.0]}, "read as 1234.50"),
    "euros": ("a;b\n1.234,50 €;2\n7,00 €;3\n", {"a": [1234.5, 7.0], "b": [2.0, 3.0]}, "is read as 1234.50"),
    "per cent": ("a,b\n12 %,2\n3.5%,3\n", {"a": [12.0, 3.5], "b": [2.0, 3.0]}, "'12 %' is read as 12"),
    "brackets": ("a,b\n(12.5),2\n3,3\n", {"a": [-12.5, 3.0], "b": [2.0, 3.0]}, "'(12.5)' is read as -12.5"),
    "missing": ("a,b\n1,x\n,NA\n?,null\nNaN,-\n", {"a": [1.0, NAN, NAN, NAN], "b": ["x", None, None, None]}, "'NA', 'null' is missing"),
    "nothing in a column": ("a,b\n1,\n2,\n", {"a": [1.0, 2.0], "b": [NAN, NAN]}, ""),
    "infinite": ("a,b\n1,2\ninf,3\n", {"a": [1.0, NAN], "b": [2.0, 3.0]}, "'inf' in line 3 is infinite: taken as missing"),
    "a unit": ("a,b\n-1.5 km/h,x\n2 km/h,y\n30km/h,x\n", {"a": [-1.5, 2.0, 30.0], "b": ["x", "y", "x"]}, "'-1.5 km/h' is read as the number before 'km/h'"),
    "other units": ("a,b\n1 kg,x\n2 lb,y\n3 kg,x\n", {"a": ["1 kg", "2 lb", "3 kg"], "b": ["x", "y", "x"]}, ""),
    "names with numbers": ("a,b\n12b,x\nB7,y\n12c,x\n", {"a": ["12b", "B7", "12c"], "b": ["x", "y", "x"]}, ""),
    "booleans": ("a,b\n1,true\n2,false\n", {"a": [1.0, 2.0], "b": ["true", "false"]}, ""),
    "postal codes": ("a,b\n01234,2\n99999,3\n", {"a": ["01234", "99999"], "b": [2.0, 3.0]}, "begin with 0, so they are names"),
    "dates": ("a,b\n2024-01-31,1\n2024-02-01,2\n", {"a": [DAY("2024-01-31"), DAY("2024-02-01")], "b": [1.0, 2.0]}, ""),
    "times with a zone": ("a,b\n2024-01-31T12:00:00+02:00,1\n,2\n", {"a": [DAY("2024-01-31 10:00"), None], "b": [1.0, 2.0]}, ""),
    "german dates": ("a,b\n31.01.2024,1\n1.2.2024,2\n", {"a": [DAY("2024-01-31"), DAY("2024-02-01")], "b": [1.0, 2.0]}, "read as %d.%m.%Y"),
    "american dates": ("a,b\n01/31/2024,1\n2/1/2024,2\n", {"a": [DAY("2024-01-31"), DAY("2024-02-01")], "b": [1.0, 2.0]}, "read as %m/%d/%Y"),
    "british dates": ("a,b\n31/01/2024,1\n1/2/2024,2\n", {"a": [DAY("2024-01-31"), DAY("2024-02-01")], "b": [1.0, 2.0]}, "read as %d/%m/%Y"),
    "months in words": ("a,b\n31-Jan-2024,1\n01-Feb-2024,2\n", {"a": [DAY("2024-01-31"), DAY("2024-02-01")], "b": [1.0, 2.0]}, "read as %d-%b-%Y"),
    "a word among numbers": ("a,b\n" + "".join(f"{i},x\n" for i in range(30)) + "huge,x\n", {"a": [*map(float, range(30)), NAN], "b": ["x"] * 31}, "'huge' in line 32 is no number"),
    "json lines": ('{"a": 1, "b": {"c": "x"}}\n{"a": 2.5, "d": [1, 2]}\n', {"a": [1.0, 2.5], "b.c": ["x", None], "d": [None, "1, 2"]}, ""),
    "json": (json.dumps([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]), {"a": [1, 2], "b": ["x", "y"]}, ""),
    "gzip": (gzip.compress(BODY.encode()), RIGHT, ""),
    "bzip2": (bz2.compress(BODY.encode()), RIGHT, ""),
    "xz": (lzma.compress(BODY.encode()), RIGHT, ""),
    "zip": (zipped(t=BODY), RIGHT, ""),
    "excel": (excel(["a", "b"], [1, "x"], [2.0, "y"], [3, "x"]), RIGHT, ""),
    "excel with a title": (excel(["Sales"], [], ["a", "b"], [1, "x"], [2, "y"], [3, "x"]), RIGHT, "above the table"),
    "excel dates": (excel(["a", "b"], [DAY("2024-01-31"), 1], [None, 2]), {"a": [DAY("2024-01-31"), None], "b": [1.0, 2.0]}, ""),
    "parquet": (binary(pd.DataFrame.to_parquet), RIGHT, ""),
    "arrow": (binary(pd.DataFrame.to_feather), RIGHT, ""),
}  # fmt: skip


def same(frame, columns):
    assert list(frame.columns) == list(columns)
    for name, values in columns.items():
        assert [None if pd.isna(v) else v for v in frame[name]] == [
            None if pd.isna(v) else v for v in values
        ]
        number = all(isinstance(v, float | int) for v in values)
        assert (frame[name].dtype.kind in "if") == number, frame[name].dtype


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_the_frame_that_it_is(tmp_path, name):
    content, columns, said = FILES[name]
    path = tmp_path / "table.of-any-name"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    frame = tables.read(path)
    same(frame, columns)
    notes = frame.attrs["notes"]
    assert any(said in note for note in notes) if said else not notes


# What cannot be meant, and the words of the refusal.
REFUSED = {
    "nothing": ("", r"an empty file; expected a header row"),
    "blank": (" \n\n", r"an empty file"),
    "only a header": ("a,b\n", r"a header without rows"),
    "too many cells": (BODY + "4,y,z\n5,x\n", r"line 5: received 3 cells; expected 2, as in line 4\..*ragged='skip'"),
    "too few cells": ("a,b,c\n1,2,3\n4,5\n6,7,8\n", r"line 3: received 2 cells; expected 3, as in line 2"),
    "cut off": ("a,b,c\n1,2,3\n4,5", r"line 3: received 2 cells where the file ends.*copy the file again"),
    "an open quote": ('a,b\n1,"x\n2,y\n', r'line 2: received a quote that is never closed.*quote='),
    "a quote inside": ('a,b\n1,"x" y\n2,z\n', r"line 2: received a row that cannot be split"),
    "zero bytes": (b"a,b\n\0\1,2\n", r"zero bytes"),
    "cut gzip": (gzip.compress(BODY.encode() * 99)[:-9], r"damaged file.*copy or pack it again"),
    "cut zip": (zipped(t=BODY)[:-9], r"damaged file"),
    "two in a zip": (zipped(t=BODY, u=BODY), r"a zip of 2 files \(t, u\)"),
    "cut parquet": (binary(pd.DataFrame.to_parquet)[:-9], r"damaged file"),
    "cut json": ('{"a": 1}\n{"a": ', r"line 2: received no JSON"),
    "json of numbers": ('[{"a": 1}, 2]', r"received 2; expected an object"),
    "a web page": ("<!DOCTYPE html>\n<html>", r"a web page"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", r"zero bytes"),
    "formulas without values": (excel(["a", "b"], [1, "=A2+1"], [2, "=A3+1"]), r"column 'b': received formulas without their values, such as =A2\+1.*save it again"),
    "old excel": (b"\xd0\xcf\x11\xe0" + b"\0" * 99, r"an old Excel file.*save it as"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_the_line(tmp_path, name):
    content, words = REFUSED[name]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=f"(?si)table.csv.*{words}"):
        tables.read(path)


# A wrong guess is overruled by an option.
OVERRULED = {
    "header": ("1990,2000\n1,2\n", {"header": True}, {"1990": [1.0], "2000": [2.0]}),
    "no header": ("a,b\nc,d\n", {"header": False}, {"column1": ["a", "c"], "column2": ["b", "d"]}),
    "names": ("1,2\n3,4\n", {"names": ["u", "v"]}, {"u": [1.0, 3.0], "v": [2.0, 4.0]}),
    "delimiter": ("a;b,c\n1;2,3\n", {"delimiter": ";"}, {"a": [1.0], "b,c": [2.3]}),
    "tab": ("a\tb\n1\t2\n", {"delimiter": "\\t"}, {"a": [1.0], "b": [2.0]}),
    "decimal": ("a;b\n1,234;2\n", {"decimal": "."}, {"a": [1234.0], "b": [2.0]}),
    "day first": ("a,b\n1/2/2024,1\n", {"dayfirst": True}, {"a": [DAY("2024-02-01")], "b": [1.0]}),
    "missing": ("a,b\nNA,1\n99,2\n", {"missing": ["99"]}, {"a": ["NA", None], "b": [1.0, 2.0]}),
    "comment": ("#a,b\n1,2\n", {"comment": ""}, {"#a": [1.0], "b": [2.0]}),
    "quote": ('a,b\n1,"x\n2,y\n', {"quote": ""}, {"a": [1.0, 2.0], "b": ['"x', "y"]}),
    "ragged": ("a,b\n1,2\n3\n4,5\n", {"ragged": "skip"}, {"a": [1.0, 4.0], "b": [2.0, 5.0]}),
    "encoding": ("a,b\n1,ж\n".encode("cp1251"), {"encoding": "cp1251"}, {"a": [1.0], "b": ["ж"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", OVERRULED)
def test_an_option_overrules_the_guess(tmp_path, name):
    content, options, columns = OVERRULED[name]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    same(tables.read(path, **options), columns)


def test_rows_are_named_by_their_lines_and_come_in_parts(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("# note\na,b\n" + '1,"x\ny"\n' * 3 + "\n2,z\n")
    assert tables.read(path).index.tolist() == [3, 5, 7, 10]
    parts = list(tables.chunks(path, rows=3))
    assert [len(part) for part in parts] == [3, 1]
    pd.testing.assert_frame_equal(pd.concat(parts), tables.read(path))


def test_a_database_is_asked(tmp_path):
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as base:
        pd.DataFrame(RIGHT).to_sql("one", base, index=False)
        same(tables.read(path), RIGHT)
        pd.DataFrame(RIGHT).to_sql("two", base, index=False)
    same(tables.read(path, query="select a from two"), {"a": RIGHT["a"]})
    with pytest.raises(ValueError, match=r"2 tables \(one, two\).*query='select"):
        tables.read(path)
    with pytest.raises(ValueError, match="no such column: c"):
        tables.read(path, query="select c from two")
    base.close()


def test_a_duckdb_file_is_asked(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = str(tmp_path / "t.duckdb")
    with duckdb.connect(path) as base:
        base.execute("create table one as select 1.0 as a, 'x' as b")
    same(tables.read(path), {"a": [1.0], "b": ["x"]})
    same(tables.read(path, query="select b from one"), {"b": ["x"]})
    with pytest.raises(ValueError, match="a query that it can answer"):
        tables.read(path, query="select c from one")


@pytest.mark.parametrize(
    ("package", "content", "what"),
    [("openpyxl", excel(["a"], [1]), "Excel"), ("pandas", BODY.encode(), "A table")],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, package, content, what):
    path = tmp_path / "t"
    path.write_bytes(content)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'{what}.*{package}.*"onefit\[table\]"'):
        tables.read(path)


@pytest.mark.parametrize(
    "made", [dict, pd.DataFrame, lambda right: pytest.importorskip("polars").DataFrame(right),
             lambda right: pytest.importorskip("pyarrow").table(right)],
    ids=["dict", "pandas", "polars", "arrow"],
)  # fmt: skip
def test_tables_in_memory_are_tables_too(made):
    same(tables.read(made(RIGHT)), RIGHT)


PANDAS = {
    "periods": (
        pd.period_range("2024", periods=2, freq="M"),
        [DAY("2024-01-01"), DAY("2024-02-01")],
    ),
    "differences of times": (pd.to_timedelta([36, 12], "h"), [1.5, 0.5]),
    "infinite": ([np.inf, 1.0], [NAN, 1.0]),
    "nullable": (pd.array([None, 1], dtype="Int64"), [NAN, 1]),
    "lists": ([[1, 2], [3]], ["[1, 2]", "[3]"]),
    "decimals": ([Decimal("1.5"), None], [1.5, NAN]),
    "days": ([date(2024, 1, 31), None], [DAY("2024-01-31"), None]),
}


@pytest.mark.parametrize("kind", PANDAS)
def test_types_of_pandas_become_numbers_dates_and_words(kind):
    given, values = PANDAS[kind]
    same(tables.read(pd.DataFrame({"x": given})), {"x": values})


def test_an_object_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(TypeError, match="received the int; expected a path, a Data"):
        tables.read(3)
    with pytest.raises(ValueError, match="no columns"):
        tables.read(pd.DataFrame())
    with pytest.raises(ValueError, match="column 'x': received complex numbers"):
        tables.read({"x": [1j, 2.0]})
    with pytest.raises(ValueError, match="no such file"):
        tables.read(tmp_path / "none.csv")
    with pytest.raises(
        ValueError, match=r"Unknown option of read 'delimeter'\. Did you"
    ):
        tables.read({}, delimeter=";")


def test_a_cell_of_ten_megabytes_is_a_cell(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1," + "x" * 10_000_000 + "\n2,y\n")
    assert [len(text) for text in tables.read(path)["b"]] == [10_000_000, 1]


def test_notes_are_sentences():
    columns = {"a": ["1,5", "2"], "b": ["$3", "4"]}
    for note in tables.read(columns).attrs["notes"]:
        assert re.match("[a-z0-9]", note), note
    assert "a comma" in tables.read(columns).attrs["notes"][0]


def test_a_cell_may_hold_a_whole_text(tmp_path):
    limit = csv.field_size_limit(131_072)  # as a fresh process has it
    try:
        path = tmp_path / "long.csv"
        path.write_text(f"a,t\n1,{'word ' * 100_000}\n2,short\n")
        assert len(tables.read(path)["t"].iloc[0].strip()) == 499_999
    finally:
        csv.field_size_limit(max(limit, 1 << 30))


def test_columns_with_the_same_missing_word_share_a_sentence(tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,c\n1,x,2\nNA,NA,?\n3,y,4\n", encoding="utf-8")
    notes = tables.read(path).attrs["notes"]
    assert [note for note in notes if "missing" in note] == [
        "columns 'a', 'b': 'NA' is missing",
        "column 'c': '?' is missing",
    ]
