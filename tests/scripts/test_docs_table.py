"""The table of names in the docs is what the code has."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_is_what_the_code_has():
    spec = importlib.util.spec_from_file_location("name_table", DOCS / "name_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kept = (DOCS / "tensorflow.md").read_text("utf-8")
    assert kept == module.whole(), "run `python docs/name_table.py`"


def test_every_name_of_the_stand_in_can_be_had():
    from onefit.scripts.names import SAME, SPACES
    from onefit.scripts.standin import canonical, standin

    for name in SPACES:
        module = standin(name)
        for one in dir(module):
            assert getattr(module, one, module) is not None or one == "newaxis", one
    assert all(canonical(name) in SPACES for name in SAME)
