"""The one door to optional packages."""

import importlib
from types import ModuleType

from synthex.core.errors import MissingExtraError


def optional_import(module: str, extra: str) -> ModuleType:
    """Import an optional dependency or say which extra brings it.

    Args:
        module: Dotted module name, for instance ``"wandb"``.
        extra: Name of the extra in ``pyproject.toml`` that installs it.

    Raises:
        MissingExtraError: The package is missing or fails to import; the reason is kept.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} cannot be imported ({error}); install it with: pip install 'synthex[{extra}]'"
        ) from error
