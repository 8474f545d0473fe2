"""The scene of tool detection: a subject, an instrument in or about its femur, and other metal around."""

from collections.abc import Callable, Sequence

import numpy as np

from synthex.core import Anatomy, ConfigError, Rigid, Scene, Solid
from synthex.core.arrays import Point3
from synthex.instruments import Instrument, InstrumentBody
from synthex.tasks.tool_detection.around import place_distractor, place_free
from synthex.tasks.tool_detection.drilled import drill
from synthex.tasks.tool_detection.host import Femur, bare, femurs_of
from synthex.tasks.tool_detection.placement import Placement, draw_weighted
from synthex.tasks.tool_detection.targets import CENTERLINE
from synthex.tasks.tool_detection.tunnel import insert


def make_scenes(
    instrument: Instrument, distractors: Sequence[Instrument], placement: Placement
) -> Callable[[Anatomy, np.random.Generator], Scene]:
    """Scenes with one instrument, aimed at the middle of its inserted part.

    Solids displace each other in this order: the tunnel, distractors, the instrument. Subjects without a femur to
    drill (a chest) get the instrument in the other places, by their own weights, around the centre of the CT.

    Args:
        instrument: What is to be found.
        distractors: What may lie around it.
        placement: Where they lie.

    Raises:
        ConfigError: A distractor has the instrument's name, whose mask it would join.
    """
    for other in distractors:
        if other.name == instrument.name:
            raise ConfigError(f"task.distractors has {other.name!r}, which is the instrument; give it another name")

    def make_scene(anatomy: Anatomy, rng: np.random.Generator) -> Scene:
        femurs = femurs_of(anatomy)
        femur = femurs[int(rng.integers(len(femurs)))] if femurs else None
        mode = draw_weighted(_possible(anatomy, femur, placement), rng)
        record: dict[str, object] = {"subject": anatomy.subject_id, "mode": mode}
        record["side"] = None if femur is None else femur.side
        solids: list[Solid] = []
        if mode == "tunnel" and femur is not None:
            insertion = insert(instrument, femur, placement, rng)
            rest, world_from_instrument = insertion.body, insertion.world_from_instrument
            record["tunnel"] = insertion.record
            solids.append(insertion.tunnel)
        else:
            rest = instrument.body(instrument.draw(rng))
            if mode == "drilled" and femur is not None:
                world_from_instrument = drill(rest, anatomy, femur, placement, rng)
            else:
                world_from_instrument = place_free(mode, rest, anatomy, femur, placement, rng)
        record["instrument"] = _record(rest, world_from_instrument)
        body = rest.moved(world_from_instrument)
        center = body.centerline.mean(axis=0)
        around = _draw_distractors(distractors, center, anatomy, placement, rng)
        record["distractors"] = [_record(other, pose) for other, pose in around]
        for other in (other.moved(pose) for other, pose in around):
            solids += [*other.attachments, *other.solids]
        if femur is not None and placement.bare_probability > 0:
            record["bare"] = bool(rng.random() < placement.bare_probability)
        shown = bare(anatomy, femur.side) if femur is not None and record.get("bare") else anatomy
        return Scene(
            shown,
            record,
            (*solids, *body.attachments, *body.solids),
            center_world=center,
            landmarks=body.landmarks,
            polylines={CENTERLINE: body.centerline},
            aims={"instrument": center, **body.landmarks},
        )

    return make_scene


def _possible(anatomy: Anatomy, femur: Femur | None, placement: Placement) -> dict[str, float]:
    """Weights of the places that a subject has.

    Raises:
        ConfigError: It has none of those wanted.
    """
    weights = {mode: float(weight) for mode, weight in placement.where.items() if weight > 0}
    if femur is None:
        weights.pop("tunnel", None)
        weights.pop("drilled", None)
    if not weights:
        raise ConfigError(
            f"subject {anatomy.subject_id} has no femur whose head and neck lie in the scan (labels "
            "femur_left, femur_right), so nothing can be drilled; give task.placement.where front, behind or air too"
        )
    return weights


def _draw_distractors(
    distractors: Sequence[Instrument],
    center: Point3,
    anatomy: Anatomy,
    placement: Placement,
    rng: np.random.Generator,
) -> list[tuple[InstrumentBody, Rigid]]:
    """The distractors that are there, in their own frames, and where they lie."""
    there = np.flatnonzero(rng.random(len(distractors)) < placement.distractor_probability)
    chosen = rng.permutation(there)[: placement.most_distractors]
    bodies = [distractors[index].body(distractors[index].draw(rng)) for index in chosen]
    return [(body, place_distractor(body, center, anatomy, placement, rng)) for body in bodies]


def _record(body: InstrumentBody, world_from_instrument: Rigid) -> dict[str, object]:
    """What re-creates a placed instrument: ``instrument.body(joints).moved(pose)``."""
    return {
        "name": body.name,
        "joints": dict(body.record),
        "world_from_instrument": world_from_instrument.matrix.tolist(),
    }
