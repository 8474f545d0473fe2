"""From a composed config to the subjects of each split: phantoms, CTs, meshes and label maps, alone or mixed."""

from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex.anatomy.cache import PreparedAnatomies
from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.scanner_table import WithoutTable
from synthex.anatomy.variants import ShapeVariation, VariedAnatomies, base_subject
from synthex.config.compose import plain
from synthex.core import AnatomySource, ConfigError
from synthex.data import SPLITS, AnatomyMix, AnatomySubset, split_subjects

PHANTOM_FIRST = {"train": 0, "val": 100_000, "test": 200_000}
"""First phantom of each split, far apart: a subject is on one side whatever the counts."""

PEOPLE = ("ct", "meshes", "label_maps")
"""Settings of ``data`` that name folders with people."""

KINDS = ("phantoms", *PEOPLE)
"""What a mix can hold."""


def from_files(cfg: DictConfig) -> bool:
    """Whether a config's subjects are files of the user's, which may change between two commands."""
    return cfg.data.kind == "synthetic" and any(cfg.data.get(kind) is not None for kind in PEOPLE)


def build_sources(cfg: DictConfig) -> dict[str, AnatomySource]:
    """The subjects of train, val and test, prepared on disk.

    The people of each folder (``data.ct``, ``data.meshes``, ``data.label_maps``) are split when there are at least
    three and ``data.fractions`` leaves any out of training; else all of them train. No person is on two sides, whatever
    their paintings and shape variants. Training draws from the kinds of ``data.mix`` by weight, validation and test
    from those of ``data.mix_eval``; phantoms that no training ever sees stand in where none of them has a person
    there. Without a mix, the one folder that is given is used, or phantoms.

    Raises:
        ConfigError: A mix of kinds that are not given, or two folders without a mix.
    """
    data = cfg.data
    cache = Path(cfg.paths.cache_dir).expanduser()
    spacing, beyond = float(data.spacing_mm), float(data.get("continued_mm", 0))
    given = [kind for kind in PEOPLE if data.get(kind) is not None]
    mix = _weights(data, "mix", given)
    if mix is None:
        if len(given) > 1:
            named = " and ".join(f"data.{kind}" for kind in given)
            raise ConfigError(f"{named} are set; say their weights: data.mix={{{given[0]}: 0.5, {given[1]}: 0.5}}")
        mix = dict.fromkeys(given or ["phantoms"], 1.0)
    mix_eval = _weights(data, "mix_eval", given) or mix
    phantoms: dict[str, AnatomySource] = {
        split: PreparedAnatomies(
            instantiate(cfg.region.phantoms)(
                count=int(data.phantoms[split]),
                seed=int(data.phantoms.seed),
                spacing_mm=spacing,
                first=PHANTOM_FIRST[split],
            ),
            cache,
            spacing,
            beyond,
        )
        for split in SPLITS
    }
    kinds: dict[str, dict[str, AnatomySource]] = {"phantoms": phantoms}
    for kind in PEOPLE:
        if kind in mix or kind in mix_eval:
            kinds[kind] = _people(cfg, kind)
    sides: dict[str, AnatomySource] = {}
    for split in SPLITS:
        weights = mix if split == "train" else mix_eval
        parts = {kind: kinds[kind][split] for kind in weights if split in kinds[kind]} or {"phantoms": phantoms[split]}
        sides[split] = (
            AnatomyMix(parts, {kind: weights.get(kind, 1.0) for kind in parts})
            if len(parts) > 1
            else next(iter(parts.values()))
        )
    return sides


def _weights(data: DictConfig, setting: str, given: list[str]) -> dict[str, float] | None:
    """A mix's weights above 0, by kind; None where there is no mix."""
    weights = plain(data.get(setting))
    if weights is None:
        return None
    if not isinstance(weights, dict) or not all(isinstance(value, (int, float)) for value in weights.values()):
        raise ConfigError(f"data.{setting}={weights}: give weights by kind, like {{phantoms: 0.5, ct: 0.5}}")
    unknown = [kind for kind in weights if kind not in KINDS]
    if unknown:
        raise ConfigError(f"data.{setting} names {unknown[0]!r}; it can mix {', '.join(KINDS)}")
    if any(not 0 <= value < float("inf") for value in weights.values()) or not sum(weights.values()) > 0:
        raise ConfigError(f"data.{setting}={weights}: weights must not be negative, nor all 0")
    missing = [kind for kind, value in weights.items() if value > 0 and kind != "phantoms" and kind not in given]
    if missing:
        raise ConfigError(f"data.{setting} wants {missing[0]}, but data.{missing[0]} names no folder; set it")
    return {kind: float(value) for kind, value in weights.items() if value > 0}


def _people(cfg: DictConfig, kind: str) -> dict[str, AnatomySource]:
    """The people of one folder by split, those that train in several shapes; splits without anybody are left out."""
    data = cfg.data
    source = real_source(cfg, **{kind: data[kind]})
    people = {base_subject(subject) for subject in source.subject_ids()}
    first, *held_out = (float(value) for value in data.fractions)
    sides: dict[str, AnatomySource] = {"train": source}
    if len(people) >= len(SPLITS) and any(held_out):
        fractions = first, held_out[0], held_out[1]
        dealt = split_subjects(source.subject_ids(), fractions, seed=int(data.split_seed), group=base_subject)
        sides = {split: AnatomySubset(source, ids) for split, ids in dealt.items()}
    if int(data.variants) > 1:
        # Each painting is a shape of its own; CTs and meshes are themselves and variants.
        painted = kind == "label_maps" or (kind == "meshes" and bool(data.get("meshes_painted", False)))
        varied = VariedAnatomies(
            sides["train"],
            variants=1 if painted else int(data.variants),
            settings=ShapeVariation(**plain(data.variation)),
            seed=int(cfg.seed),
            keep_original=not painted,
        )
        spacing = float(data.spacing_mm)
        sides["train"] = PreparedAnatomies(varied, Path(cfg.paths.cache_dir).expanduser(), spacing)
    return sides


def _paintings(cfg: DictConfig) -> dict[str, Any]:
    """How often and how people are painted."""
    data = cfg.data
    return {
        "paintings": int(data.paintings),
        "seed": int(data.painting_seed),
        "fractures": float(data.get("fractures", 0)),
    }


def real_source(
    cfg: DictConfig, *, ct: str | None = None, meshes: str | None = None, label_maps: str | None = None
) -> AnatomySource:
    """All subjects of a folder of CTs, of meshes or of label maps, checked and prepared on disk."""
    if sum(folder is not None for folder in (ct, meshes, label_maps)) != 1:
        raise ConfigError("give one folder: of CTs, of meshes or of label maps")
    spacing = float(cfg.data.spacing_mm)
    source: AnatomySource
    if ct is not None:
        folder = CtFolder(
            Path(ct).expanduser(),
            label_names=cfg.data.label_names,
            structures=cfg.region.structures,
            series=cfg.data.get("series"),
        )
        folder.check()
        source = WithoutTable(folder) if bool(cfg.data.get("table_removed", True)) else folder
    elif meshes is not None:
        from synthex.anatomy.meshes import MeshFolder, PaintedMeshes

        frame, painted = str(cfg.data.get("mesh_frame", "RAS")), bool(cfg.data.get("meshes_painted", False))
        surfaces = MeshFolder(Path(meshes).expanduser(), spacing_mm=spacing, frame=frame)
        source = PaintedMeshes(surfaces, **_paintings(cfg)) if painted else surfaces
    else:
        from synthex.anatomy.label_maps import LabelMapFolder

        assert label_maps is not None  # one of the three is given
        source = LabelMapFolder(Path(label_maps).expanduser(), spacing_mm=spacing, **_paintings(cfg))
    return PreparedAnatomies(
        source, Path(cfg.paths.cache_dir).expanduser(), spacing, float(cfg.data.get("continued_mm", 0))
    )
