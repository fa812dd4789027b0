"""Fits by least squares, for what is not about networks."""

import pytest
from quick_fits import Quick, quickly

from onefit.tables import file, making


@pytest.fixture
def quick(monkeypatch):
    """Fits by least squares."""
    monkeypatch.setattr(making, "fitted", quickly)
    monkeypatch.setattr(file, "Fitted", Quick)
