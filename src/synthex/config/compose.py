"""Finding ``conf/`` and composing it, with mistakes explained in one line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, QuotedString
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, HydraException, OverrideParseException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from synthex.core import ConfigError, installed_conf, nearest
from synthex.core.overrides import quoted


def conf_folders() -> list[Path]:
    """Folders searched for configs, most important first: ``./conf``, then the one that was installed.

    A local ``conf`` may hold only what it changes or adds; the rest comes from the package.
    """
    package = installed_conf()
    local = Path.cwd() / "conf"
    if local.is_dir() and local.resolve() != package.resolve():
        return [local, package]
    return [package]


class LocalConf(SearchPathPlugin):
    """Puts ``./conf`` before the installed configs, file by file."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Hydra's hook."""
        for folder in conf_folders()[:-1]:
            search_path.prepend(provider="synthex-local", path=f"file://{folder}")


def prepare_hydra() -> Path:
    """Register the local folder with Hydra; returns the installed folder, Hydra's ``config_path``."""
    plugins = Plugins.instance()
    if LocalConf not in plugins.discover(SearchPathPlugin):
        plugins.register(LocalConf)
    return conf_folders()[-1]


def compose(config_name: str, overrides: Sequence[str], *, sweep: bool = False) -> DictConfig:
    """Compose a config, or say in one line what is wrong with which override.

    Args:
        config_name: Primary config, such as ``train``.
        overrides: Hydra overrides.
        sweep: Sweeps are allowed; the first value of each is composed.

    Raises:
        ConfigError: An override is misspelt, has no such key, group or option, or is not grammatical.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        hint = "write key=value, and quote values that hold = , { [ or spaces: 'key=\"a b\"'"
        raise ConfigError(f"cannot read the override {error.override!r}; {hint}") from error
    singles = [_first_choice(override) for override in parsed if sweep or not override.is_sweep_override()]
    swept = [override.input_line for override in parsed if override.is_sweep_override()]
    if swept and not sweep:
        raise ConfigError(
            f"{swept[0]!r} gives several values; add --multirun to run them all, or give one, "
            "in quotes if there is a comma in it: 'key=\"a,b\"'"
        )
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(prepare_hydra())):
        try:
            return hydra_compose(config_name, singles)
        except (HydraException, OmegaConfBaseException) as error:
            raise _explain(config_name, parsed, error) from error


def readable(config_name: str, arguments: Sequence[str]) -> list[str]:
    """Overrides as people type them, as Hydra reads them.

    A path is taken as it is, whatever is in it: where the grammar cannot read it, or takes a comma in the name of
    something that exists for a choice of two, it is quoted. ``group=null`` is left out where that is the default.

    Raises:
        ConfigError: A group of configs is given what is no name.
    """
    found, known_groups = [], groups()
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if argument.startswith("-") or not equals:
            found.append(argument)
            continue
        try:
            override = OverridesParser.create().parse_override(argument)
        except HydraException:
            found.append(f"{key}={quoted(value)}" if _SEPARATOR.search(value) else argument)
            continue
        if override.is_sweep_override() and _SEPARATOR.search(value) and Path(value).expanduser().exists():
            found.append(f"{key}={quoted(value)}")
        elif override.key_or_group in known_groups and not isinstance(override.value(), str | list | QuotedString):
            if override.value() is not None or not _left_out(config_name, override.key_or_group):
                known = options(override.key_or_group)
                raise ConfigError(f"{key}={value}: choose one of the options: {', '.join(known)}")
        else:
            found.append(argument)
    return found


_SEPARATOR = re.compile(r"[/\\]")


def _left_out(config_name: str, group: str) -> bool:
    """Whether a group has no choice unless one is given."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(prepare_hydra())):
        choices = hydra_compose(config_name, return_hydra_config=True).hydra.runtime.choices
    return group in choices and choices[group] in (None, "null")


def options(group: str) -> list[str]:
    """Names of the configs of a group, such as ``augment`` or ``experiment``."""
    found = {
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in conf_folders()
        for path in (folder / group).rglob("*.yaml")
    }
    return sorted(found)


def groups() -> list[str]:
    """Names of the config groups."""
    return sorted(
        {path.name for folder in conf_folders() for path in folder.iterdir() if path.is_dir() and path.name != "hydra"}
    )


def _first_choice(override: Override) -> str:
    if not override.is_sweep_override():
        return override.input_line or ""
    value = override.value()
    first = str(value.start) if isinstance(value, IntervalSweep) else next(iter(override.sweep_string_iterator()))
    return f"{override.get_key_element()}={first}"


def _explain(config_name: str, overrides: Sequence[Override], error: Exception) -> ConfigError:
    """Find the override at fault: the first that fails on a base where the others are left out."""
    text = str(error)
    missing = re.search(r"Could not find '([^']+)'", text)
    if missing:
        group, _, option = missing.group(1).rpartition("/")
        while group and not options(group):
            group, _, head = group.rpartition("/")
            option = f"{head}/{option}"
        known = options(group)
        if known:
            return ConfigError(
                f"{group}={option}: there is no such option; {nearest(option, known)} ({', '.join(known)})"
            )
    key = re.search(r"Could not (?:override|append to|delete)[^']*'([^']+)'", text)
    if key:
        name = key.group(1).split("@")[0]
        known = list(dict.fromkeys([*_keys(config_name, overrides), *groups()]))
        if name in known and "append" in text:
            return ConfigError(f"+{name}: this setting exists already; write {name}=value, without the +")
        return ConfigError(f"{name}: there is no such setting; {nearest(name, known)}")
    return ConfigError(" ".join((text or str(error.__cause__)).split()))


def _keys(config_name: str, overrides: Sequence[Override]) -> list[str]:
    """All dotted keys of the config, composed with those overrides that choose group options."""
    known_groups = set(groups())
    chosen = [o.input_line for o in overrides if o.key_or_group in known_groups and o.input_line]
    for kept in (chosen, []):
        try:
            cfg = hydra_compose(config_name, kept)
        except ConfigCompositionException:
            continue
        return _flatten(OmegaConf.to_container(cfg, resolve=False))
    return []


def _flatten(node: object, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    keys: list[str] = []
    for name, value in node.items():
        path = f"{prefix}{name}"
        keys += [path, *_flatten(value, f"{path}.")]
    return keys


def sweeping() -> bool:
    """Whether this process runs the jobs of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def plain(cfg: Any) -> Any:
    """A config node as plain resolved Python values."""
    return OmegaConf.to_container(cfg, resolve=True) if OmegaConf.is_config(cfg) else cfg
