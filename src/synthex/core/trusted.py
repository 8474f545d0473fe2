"""What a file may name to be made: the gate through which every stored config passes.

A config names what it is made of (``_target_: synthex.nn.SegmentationNetwork``). One that the user composes from
``conf/`` and the command line is the user's own. One that is read from a file, a run's ``config.yaml`` or the
``cases.yaml`` of predictions, may come from anybody, and a name in it is code that runs. So such a file may name only

- what the configs that synthex ships name (so nothing has to be listed twice), and
- what this user trusts: names in the file :func:`trust_file`, which lies in the user's own folder for settings and
  never beside the data, since a working folder is passed on as a whole; or given to :func:`trust`.

Names are compared whole: a name within a trusted module is not trusted. Interpolations (``${…}``) are refused, because
what is stored has been resolved, and one could read the environment.
"""

import functools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from synthex.core.documents import read_yaml
from synthex.core.errors import InputError

TARGET = "_target_"
WORKING_GROUPS = ("callbacks", "hydra", "launch", "logger", "trainer")
"""Groups of ``conf/`` whose objects write files or start processes; no case and no network is made of them."""

_OPTIMIZERS = ("ASGD", "Adadelta", "Adagrad", "Adamax", "LBFGS", "NAdam", "RAdam", "RMSprop", "Rprop")
_MAKING = frozenset(f"torch.optim.{name}" for name in _OPTIMIZERS)
_CALLBACKS = ("DeviceStatsMonitor", "ModelSummary", "RichModelSummary", "RichProgressBar", "TQDMProgressBar", "Timer")
_WORKING = frozenset(f"pytorch_lightning.callbacks.{name}" for name in _CALLBACKS)
"""What users often name that the shipped configs do not."""

_NAMED = re.compile(r"^[^#\n]*\b_target_:\s*['\"]?([\w.]+)", re.MULTILINE)
_trusted: set[str] = set()


def installed_conf() -> Path:
    """The folder of configs that came with this installation."""
    package = Path(__file__).parents[1] / "conf"
    # In an editable install conf/ lies at the top of the checkout.
    return package if package.is_dir() else Path(__file__).parents[3] / "conf"


def trust_file() -> Path:
    """Where a user lists further names: ``~/.config/synthex/trusted.yaml``, or as ``XDG_CONFIG_HOME`` says."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "synthex" / "trusted.yaml"


def trust(*targets: str) -> None:
    """Trust names, such as ``my_package.MyNetwork``, until this process ends."""
    _trusted.update(targets)


def targets_in(node: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and name of everything that a plain config, or any part of it, asks to be made."""
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        children = node.items()
    elif isinstance(node, list | tuple):
        children = enumerate(node)
    for key, value in children:
        inside = f"{where}.{key}" if where else str(key)
        if key == TARGET:
            yield inside, value
        yield from targets_in(value, inside)


def check_stored(path: str | Path, node: Any) -> None:
    """Check that a plain config read from a file makes nothing but what is trusted.

    Args:
        path: The file, for the message.
        node: Its content.

    Raises:
        InputError: It names something else, or has an interpolation.
    """
    for where, text in _texts(node):
        if "${" in text:
            problem = f"{where or 'a key'} is {text[:80]!r}; a stored config has no interpolations"
            raise InputError(path, problem, "write the value itself")
    for where, target in targets_in(node):
        check_target(path, where, target)


def check_target(path: str | Path, where: str, target: Any) -> None:
    """Check one name.

    Args:
        path: The file that names it.
        where: Its dotted key there.
        target: The name.

    Raises:
        InputError: It is not trusted.
    """
    if isinstance(target, str):
        if target in shipped_targets(where) or target in _trusted | user_targets():
            return
        if "augment" in where.split(".") and _TRANSFORM.fullmatch(target):
            return
    raise InputError(
        path,
        f"{where} names {str(target)[:80]}, which is not among what synthex lets a file make there",
        f"if you know this code and trust it, add the line '- {str(target)[:80]}' under 'targets:' in {trust_file()} "
        f"or give trust=[{str(target)[:80]}] (see docs/trust.md)",
    )


def shipped_targets(where: str = "") -> frozenset[str]:
    """Names that a stored config may have at a dotted key: those of the shipped configs, and a few of libraries.

    Trackers, trainers and the like are for the groups of that name alone.
    """
    making, working = _shipped()
    return making | working if where.split(".")[0] in WORKING_GROUPS else making


_TRANSFORM = re.compile(r"albumentations\.[A-Z]\w*")
"""Its transforms: classes that do nothing but change arrays. Its functions, some of which load files, are not these."""


@functools.cache
def _shipped() -> tuple[frozenset[str], frozenset[str]]:
    conf = installed_conf()
    found: dict[bool, set[str]] = {False: set(), True: set()}
    for path in sorted(conf.rglob("*.yaml")):
        working = path.relative_to(conf).parts[0] in WORKING_GROUPS
        found[working].update(_NAMED.findall(path.read_text(encoding="utf-8")))
    return _MAKING | (found[False] - found[True]), _WORKING | found[True]


def user_targets() -> set[str]:
    """Names in the user's file.

    Raises:
        InputError: It cannot be read, or lists none.
    """
    path = trust_file()
    if not path.exists():
        return set()
    remedy = "write 'targets:' and under it a line '- my_package.MyClass' for each name"
    content = read_yaml(path, remedy)
    names = content.get("targets") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(path, "has no list of targets", remedy)
    return set(names)


def _texts(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a plain config, keys included, with its dotted key."""
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str):
                yield where, key
            yield from _texts(value, f"{where}.{key}" if where else str(key))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _texts(value, f"{where}.{index}")
