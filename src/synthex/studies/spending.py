"""What the trainings of a study spend, from their composed settings: before anything of them has run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthex.core import ConfigError
from synthex.studies.budget import Budget
from synthex.studies.expand import Plan, named_tokens, substitute
from synthex.studies.schema import Preparation

_PREPARED = "prepared-"
"""What stands for the folder of something prepared while nothing is there yet."""


Composed = Mapping[str, Any]
"""Resolved settings of a command."""

Compose = Callable[[str, tuple[str, ...]], Composed]
"""Settings of a command with overrides; remembered, since composing takes time and cells share what is prepared."""


def budget_of(plan: Plan, compose: Compose, validates: Callable[[Composed], bool]) -> Budget:
    """The :data:`~synthex.studies.Budget` of a plan's training.

    Args:
        plan: The plan.
        compose: Its settings and those of what is prepared for it.
        validates: Whether a training with such settings has images for validation.

    Raises:
        ConfigError: Its settings cannot be composed, or it starts from a network of another make.
    """
    return _Spent(plan.prepared, compose, validates).training(plan.train)


@dataclass(frozen=True)
class _Spent:
    """What trainings spend, with what is prepared for them."""

    prepared: Mapping[str, Preparation]
    compose: Compose
    validates: Callable[[Composed], bool]

    def training(self, overrides: Sequence[str]) -> dict[str, Any]:
        cfg = self.compose("train", _filled(overrides))
        data = cfg["data"]
        images, images_an_epoch = self._images(data)
        batch = int(data["batch_size"]) * _processes(cfg["trainer"])
        updates = _updates(cfg, images_an_epoch, batch)
        found: dict[str, Any] = {"updates": updates, "images_seen": None if updates is None else updates * batch}
        found |= {"distinct_images": images}
        for name in ("optimizer", "scheduler"):
            found |= _flat(name, cfg[name])
        found |= _flat("network", cfg["model"])
        side = data.get("input_size")
        found |= {"size.image": int(data["size"]), "size.input": int(data["size"] if side is None else side)}
        found["selection"] = _selection(cfg, self.validates(cfg))
        start = self._made(cfg.get("initial_weights"))
        return found if start is None else _added(found, self.training(start.overrides))

    def _made(self, folder: Any) -> Preparation | None:
        """What makes a folder that a setting names; None where the study does not."""
        name = str(folder)
        return self.prepared.get(name.removeprefix(_PREPARED)) if name.startswith(_PREPARED) else None

    def _images(self, data: Mapping[str, Any]) -> tuple[int | str | None, int | None]:
        """Different images to learn from (None: only the data know), and how many of them are an epoch."""
        if data["kind"] == "synthetic":
            return "endless", int(data["samples_per_epoch"])
        there = self._exported(self._made(data.get("train"))) if data["kind"] == "on_disk" else None
        count = there if data.get("images") is None else int(data["images"])
        epoch = data.get("samples_per_epoch")
        return count, count if epoch is None else int(epoch)

    def _exported(self, one: Preparation | None) -> int | None:
        """Images in a prepared folder."""
        if one is None or one.command not in ("simulate", "translate apply"):
            return None
        cfg = self.compose(one.command.replace(" ", "_"), _filled(one.overrides))
        if one.command == "translate apply":
            return self._exported(self._made(cfg["on_disk"]))
        return None if cfg["count"] is None else int(cfg["count"])


def _added(found: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What is spent with what the weights that it starts from have cost.

    Raises:
        ConfigError: They are another network's.
    """
    different = [name for name in {**found, **before} if _make(name) and found.get(name) != before.get(name)]
    if different:
        name = different[0]
        raise ConfigError(
            f"the network has {name}={found.get(name)}, the one that it starts from (initial_weights) "
            f"{name}={before.get(name)}; make them alike"
        )
    for name in ("updates", "images_seen"):
        found[name] = None if found[name] is None or before[name] is None else found[name] + before[name]
    return found


def _make(name: str) -> bool:
    """Whether a term says how a network is made: it cannot differ between a network and its beginnings."""
    return name.startswith("network.") or name.startswith("size.")


def _filled(overrides: Sequence[str]) -> tuple[str, ...]:
    tokens = {f"prepared:{name}": f"{_PREPARED}{name}" for name in named_tokens(overrides, "prepared")}
    return substitute(overrides, tokens | {f"root:{name}": f"root-{name}" for name in named_tokens(overrides, "root")})


def _processes(trainer: Mapping[str, Any]) -> int:
    devices = trainer.get("devices", 1)
    return (len(devices) if isinstance(devices, list) else int(devices)) * int(trainer.get("num_nodes", 1))


def _updates(cfg: Composed, images_an_epoch: int | None, batch: int) -> int | None:
    """Steps of the optimizer; None where only the data know."""
    trainer = cfg["trainer"]
    limits = []
    most, epochs = trainer.get("max_steps"), trainer.get("max_epochs")
    if most is not None and int(most) >= 0:
        limits.append(int(most))
    if epochs is not None and int(epochs) >= 0:
        if images_an_epoch is None:
            return None
        method = (cfg.get("adaptation") or {}).get("method") or {}
        loaded = batch * (1 + int(method["updates"]) if method.get("fresh_batches") else 1)
        each = -(-(images_an_epoch // loaded) // int(trainer.get("accumulate_grad_batches", 1)))
        limits.append(int(epochs) * each)
    return min(limits) if limits else None


def _selection(cfg: Composed, validates: bool) -> str:
    """Which weights are kept, and by what."""
    named = {str(name): one for name, one in cfg["callbacks"].items() if one is not None}
    watched = named.get("checkpoint", {}).get("monitor")
    kept = f"{named['checkpoint']['mode']} of {watched}" if watched and validates else "last weights"
    return ", ".join([kept, *(name for name in named if name in ("early_stopping", "ema"))])


def _flat(name: str, node: Any) -> dict[str, Any]:
    if isinstance(node, dict):
        return {key: value for child, one in node.items() for key, value in _flat(f"{name}.{child}", one).items()}
    return {name: str(node) if isinstance(node, list) else node}
