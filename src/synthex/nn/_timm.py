"""Imports timm without what only its importers' importers need, which is half of the time until a first answer.

torchvision's box operations ask PyTorch's compiler whether it supports a device, when they are called, and import all
of it for that; so does timm to keep some methods of one transformer from being compiled. Both get the compiler when
they call it. timm's training scripts import the client of wandb where it is installed, and do without where not.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

_COMPILER, _CLIENT = "torch._dynamo.utils", "wandb"


class _Later(ModuleType):
    """Stands for a module until something of it is used."""

    def is_compile_supported(self, device: Any) -> bool:
        """The one function that torchvision takes of it."""
        supported: bool = self._loaded().is_compile_supported(device)
        return supported

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._loaded(), name)

    def _loaded(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


def _disable_later(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """``torch.compiler.disable``, which is asked when the function is called first."""
    if fn is None:
        return functools.partial(_disable_later, recursive=recursive, reason=reason)
    made: list[Callable[..., Any]] = []

    @functools.wraps(fn)
    def call(*arguments: Any, **named: Any) -> Any:
        if not made:
            made.append(_disable(fn, recursive, reason=reason))
        return made[0](*arguments, **named)

    return call


_disable: Any = torch.compiler.disable


@contextmanager
def _without() -> Iterator[None]:
    put: dict[str, Any] = {}
    if _COMPILER not in sys.modules:
        put[_COMPILER] = _Later(_COMPILER)
    if _CLIENT not in sys.modules:
        put[_CLIENT] = None  # to import it raises ImportError, which timm expects
    sys.modules.update(put)
    torch.compiler.disable = _disable_later
    try:
        yield
    finally:
        torch.compiler.disable = _disable
        for name, module in put.items():
            if sys.modules.get(name, put) is module:
                del sys.modules[name]


if "timm" not in sys.modules:
    with _without():
        importlib.import_module("timm")
