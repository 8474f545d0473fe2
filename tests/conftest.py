"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout (``SYNTHEX_SHARED_DATA`` overrides); skips when absent."""
    folder = Path(os.environ.get("SYNTHEX_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real data folder is not present")
    return folder
