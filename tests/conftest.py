"""Fixtures for all tests; the package is imported with its shape annotations checked."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Messages with the long names of temporary folders must not be wrapped.
os.environ["COLUMNS"] = "240"

SOURCE = Path(__file__).parents[1] / "src"


def checked_modules():
    """All modules but packages (they only re-export) and what is compiled: Numba kernels, and the graph for export."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.stem not in ("__init__", "export_graph") and "kernel" not in path.stem:
            yield ".".join(path.relative_to(SOURCE).with_suffix("").parts)


install_import_hook(list(checked_modules()), "typechecking.check")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout (``SYNTHEX_SHARED_DATA`` overrides); skips when absent."""
    folder = Path(os.environ.get("SYNTHEX_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real data folder is not present")
    return folder
