"""Synthetic COVID-19 lesions in any lung."""

from dataclasses import replace

import numpy as np

from synthex.anatomy.lesions.blend import fill_lung, fill_share, free_label
from synthex.anatomy.lesions.geometry import SIDES, lung_geometry
from synthex.anatomy.lesions.own import LESION, own_lesions
from synthex.anatomy.lesions.placement import draw_extents, draw_patches
from synthex.anatomy.lesions.result import OpacifiedAnatomy
from synthex.anatomy.lesions.settings import LesionSettings, uniform
from synthex.anatomy.lesions.shape import lesion_fields
from synthex.core import Anatomy, Volume


def add_lesions(anatomy: Anatomy, rng: np.random.Generator, settings: LesionSettings | None = None) -> OpacifiedAnatomy:
    """Draw lesions and blend them into the lungs.

    Ground-glass opacities, consolidations and their mixtures in patches that prefer the pleura, the back and the
    base; only voxels labelled as lung change, none of them to lower HU. Voxels inside an outline get the new
    structure ``lesion``; all lung is ``lung_left``, ``lung_right`` and ``lesion``. A subject whose CT brings its
    own lesion labels keeps them and gets no others, see :func:`~synthex.anatomy.lesions.own_lesions`.

    Args:
        anatomy: A subject with the structures ``lung_left`` and ``lung_right``.
        rng: Randomness.
        settings: Distributions; None for the defaults.

    Raises:
        ConfigError: A lung is not labelled, or no label id is free.
    """
    settings = LesionSettings() if settings is None else settings
    if LESION in anatomy.structures:
        return own_lesions(anatomy)
    lungs = {side: lung_geometry(anatomy, side) for side in SIDES}
    structures = dict(anatomy.structures)
    structures[LESION] = free_label(structures, anatomy.subject_id)
    hu, labels = np.array(anatomy.ct.data, order="K"), np.array(anatomy.labels.data, order="K")
    added = np.zeros_like(hu)
    spacing = anatomy.ct.spacing_mm
    lobule = uniform(rng, settings.lobule_mm)
    record: dict[str, object] = {"source": "drawn"}
    for side, extent in zip(SIDES, draw_extents(rng, settings), strict=True):
        lung = lungs[side]
        patches = draw_patches(rng, lung, extent, settings) if extent > 0 else ()
        record[side] = {"extent": extent, "patches": [patch.to_record() for patch in patches]}
        if patches:
            nodes_mm = (spacing * np.array(lung.stride)).astype(np.float32)
            fields = lesion_fields(rng, lung, patches, extent, nodes_mm, settings)
            fill_lung(
                rng,
                lung,
                border=fields.border,
                fill=fill_share(fields.hu, lung.air),
                septa=fields.septa,
                arrays=(hu, labels, added),
                structure=structures[LESION],
                spacing_mm=spacing,
                texture=float(settings.texture),
                lobule_mm=lobule,
            )
    affine = anatomy.ct.world_from_ijk
    changed = replace(anatomy, ct=Volume(hu, affine), labels=Volume(labels, affine), structures=structures)
    return OpacifiedAnatomy(changed, Volume(added, affine), record)
