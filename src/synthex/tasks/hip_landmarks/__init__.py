"""Hip imaging: 14 landmarks and 6 bones in fluoroscopy of the pelvis (the study's first task)."""

from synthex.core import EvalProtocol, Task
from synthex.tasks.hip_landmarks.scoring import CONFIDENCE_CUTS, PRIMARY
from synthex.tasks.hip_landmarks.vocabulary import BONES, VOCABULARY

NAME = "hip_landmarks"


def build(
    min_path_mm: float = 1.0,
    sigma_mm: float = 8.0,
    present_above: float = 0.3,
    heat_weight: float = 0.5,
    scan_end_probability: float = 0.0,
    scan_end_mm: tuple[float, float] = (-60.0, 0.0),
    implants: float | int = 0.0,
    prior: bool = False,
    loss: str = "synthex",
    read_out: str = "synthex",
) -> Task:
    """The task for training.

    Args:
        min_path_mm: A pixel belongs to a bone whose path along its ray is at least this long, mm.
        sigma_mm: Standard deviation of the landmark heatmaps at the detector. The study's is 3.88 mm
            (20 px of 0.194 mm); wider ones are learned from far fewer samples.
        present_above: Confidence from which a landmark counts as present.
        heat_weight: Weight of the heatmap loss; masks get the rest (the study: 0.5).
        scan_end_probability: Share of scenes whose CT ends within the view, as many real ones do.
        scan_end_mm: Range of that end, mm above the hip centres.
        implants: Share of scenes with implants.
        prior: Whether answers are held against one body seen through one camera (:mod:`.prior`), which corrects or
            refuses points that do not fit the others.
        loss: ``synthex``, or ``syntheX_2023``: the study's.
        read_out: How outputs are read, likewise.
    """
    from synthex.tasks.hip_landmarks import scene, targets
    from synthex.tasks.hip_landmarks.prior import correct
    from synthex.tasks.masks_and_landmarks import STUDYS, StudysDecoder, check_rule, make_decoder, make_loss

    check_rule("read_out", read_out)
    ours = make_decoder(sigma_mm, present_above, correct=correct if prior else None)
    return Task(
        name=NAME,
        vocabulary=VOCABULARY,
        scene=scene.make_scenes(scan_end_probability, (float(scan_end_mm[0]), float(scan_end_mm[1])), float(implants)),
        targets=targets.make_targets(min_path_mm),
        loss=make_loss(sigma_mm, heat_weight, loss),
        decode=StudysDecoder(sigma_mm, BONES) if read_out == STUDYS else ours,
        protocol=protocol(),
    )


def protocol() -> EvalProtocol:
    """How predictions of this task are scored."""
    return EvalProtocol(task=NAME, vocabulary=VOCABULARY, confidence_cuts=CONFIDENCE_CUTS, primary=PRIMARY)


__all__ = ["NAME", "build", "protocol"]
