"""`onefit doctor`: what it says is what there is."""

import importlib.metadata
import importlib.util

import jax
import pytest

from onefit.cli import doctor, main
from onefit.packages import EXTRAS


@pytest.fixture
def said(capsys):
    assert main(["doctor"]) == 0
    return capsys.readouterr().out


def test_versions_devices_and_the_folder_are_named(said):
    for name in ("jax", "jaxlib", "numpy", "optax", "rich"):
        assert f"{name} {importlib.metadata.version(name)}" in said
    assert jax.devices()[0].device_kind in said
    assert str(jax.config.values["jax_compilation_cache_dir"] or "nowhere") in said


def test_each_extra_has_its_line(said):
    assert set(doctor.ADDS) == set(EXTRAS.values())
    for extra in doctor.ADDS:
        line = next(line for line in said.splitlines() if line.startswith(extra))
        own = [name for name, its in EXTRAS.items() if its == extra]
        there = all(map(importlib.util.find_spec, own))
        assert there == line.endswith("there")


def test_what_is_lacking_is_named_with_the_line_to_write(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name in ("PIL", "sklearn") else find(name),
    )
    main(["doctor"])
    said = capsys.readouterr().out
    lines = [line.strip() for line in said.splitlines()]
    for name, extra in (("pillow", "images"), ("scikit-learn", "sklearn")):
        at = next(i for i, line in enumerate(lines) if line.endswith(f"lacks {name}"))
        assert lines[at].startswith(extra)
        assert lines[at + 1] == f'pip install "onefit[{extra}]"'


@pytest.mark.parametrize(
    ("flags", "words"),
    [("fpu avx512_bf16", "has avx512_bf16"), ("fpu sse", "float32 is faster")],
)
def test_it_says_where_halves_pay(monkeypatch, flags, words):
    monkeypatch.setattr(doctor.Path, "read_text", lambda *_, **__: flags)
    if jax.default_backend() == "cpu":
        assert words in doctor._halves()
