"""The chest scene: lungs with lesions, and now and then with other findings that are none."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from synthex.anatomy.chest_findings import AtelectasisSettings, EffusionSettings, add_atelectasis, add_effusion
from synthex.anatomy.lesions import LesionSettings, add_lesions
from synthex.core import Anatomy, ConfigError, Scene
from synthex.core.arrays import Point3
from synthex.tasks.lesion_segmentation.devices import Devices, add_devices
from synthex.tasks.lesion_segmentation.vocabulary import LESION

LUNGS = ("lung_left", "lung_right")
"""Structures of the anatomy that a subject must have."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with the lungs of a scene; every default is our choice.

    Attributes:
        lesions: Distributions of COVID-19 lesions, with the probability that there are any.
        effusion: Distributions of pleural effusion.
        effusion_probability: Share of scenes with one.
        atelectasis: Distributions of band atelectasis.
        atelectasis_probability: Share of scenes with it.
        devices: How often lines, tubes, leads and pacemakers lie in the way; None never.

    Raises:
        ConfigError: A probability outside 0 to 1.
    """

    lesions: LesionSettings = field(default_factory=LesionSettings)
    effusion: EffusionSettings = field(default_factory=EffusionSettings)
    effusion_probability: float | int = 0.15
    atelectasis: AtelectasisSettings = field(default_factory=AtelectasisSettings)
    atelectasis_probability: float | int = 0.1
    devices: Devices | None = field(default_factory=Devices)

    def __post_init__(self) -> None:
        for name in ("effusion_probability", "atelectasis_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"task.findings.{name}={getattr(self, name)} must lie in 0 to 1")


def make_scenes(findings: Findings) -> Callable[[Anatomy, np.random.Generator], Scene]:
    """Scenes of diseased lungs, aimed at the middle of the lungs.

    The labels stay those of the healthy subject, so that lung fields are whole; what lesions add is in
    ``scene.volumes``. Other findings come first: lesions stay out of them, and they are not labelled. Devices come
    last and change no target.
    """

    def make_scene(anatomy: Anatomy, rng: np.random.Generator) -> Scene:
        record: dict[str, object] = {"subject": anatomy.subject_id}
        there = rng.random(2) < (findings.effusion_probability, findings.atelectasis_probability)
        sick = anatomy
        if there[0]:
            found = add_effusion(sick, rng, findings.effusion)
            sick, record["effusion"] = found.anatomy, found.record
        if there[1]:
            found = add_atelectasis(sick, rng, findings.atelectasis)
            sick, record["atelectasis"] = found.anatomy, found.record
        diseased = add_lesions(sick, rng, findings.lesions)
        record["lesions"] = diseased.record
        shown = replace(anatomy, ct=diseased.anatomy.ct)
        volumes = {LESION: diseased.added_matter()}
        solids, kinds = ((), ()) if findings.devices is None else add_devices(anatomy, rng, findings.devices)
        if kinds:
            record["devices"] = list(kinds)
        return Scene(shown, record, solids, center_world=lung_center(anatomy), volumes=volumes)

    return make_scene


def lung_center(anatomy: Anatomy) -> Point3:
    """Middle of the box around both lungs, RAS mm."""
    labels = anatomy.labels.data
    # Every fourth voxel finds the box to a few mm, which is as well as anybody centres a chest.
    coarse = np.asarray(labels[::4, ::4, ::4])
    lung = np.isin(coarse, [anatomy.structures[name] for name in LUNGS])
    if not lung.any():
        raise ConfigError(f"subject {anatomy.subject_id} has no voxel of {' or '.join(LUNGS)}")
    index = np.argwhere(lung) * 4.0
    middle = (index.min(axis=0) + index.max(axis=0)) / 2
    return anatomy.labels.world_from_ijk.apply(middle[None])[0]
