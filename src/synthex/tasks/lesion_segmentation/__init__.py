"""COVID-19 lesion segmentation in chest radiographs (the study's third task)."""

from typing import TYPE_CHECKING

from synthex.core import EvalProtocol, Task
from synthex.tasks.lesion_segmentation.scoring import CONFIDENCE_CUTS, FIELD_BASELINE, MASK_SCORES, PRIMARY
from synthex.tasks.lesion_segmentation.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from synthex.tasks.lesion_segmentation.scene import Findings

NAME = "lesion_segmentation"


def build(
    findings: "Findings | None" = None,
    min_lesion_mm: float | int = 3.0,
    min_lung_mm: float | int = 20.0,
    min_lung_share: float | int = 0.4,
    lesion_above: float | int = 0.3,
) -> Task:
    """The task for training.

    Args:
        findings: What is wrong with the lungs; None takes the defaults.
        min_lesion_mm: A pixel of the lung field belongs to a lesion where its ray meets at least this much added
            matter, mm of water: what cannot be seen is not labelled.
        min_lung_mm: A pixel belongs to the lung field where its ray runs at least this far through lung, mm.
        min_lung_share: And where that is at least this share of the water equivalent of the ray in a healthy
            subject: the recess behind the dome of the diaphragm is lung that no reader outlines.
        lesion_above: Probability from which a pixel is predicted to be lesion. Networks trained on phantoms reached
            their best Dice between 0.2 and 0.4 on DRRs of a real chest CT with synthetic lesions; the study's F2
            asks for less still.

    Raises:
        ConfigError: A threshold is out of range.
    """
    from synthex.tasks.lesion_segmentation import scene, targets
    from synthex.tasks.masks_and_landmarks import check_within, make_decoder, make_loss

    check_within("lesion_above", lesion_above, 0, 1)
    return Task(
        name=NAME,
        vocabulary=VOCABULARY,
        scene=scene.make_scenes(findings or scene.Findings()),
        targets=targets.make_targets(min_lesion_mm, min_lung_mm, min_lung_share),
        loss=make_loss(1.0, 0.0),
        decode=make_decoder(1.0, 1.0, (lesion_above, 0.5)),
        protocol=protocol(),
        labels=scene.LUNGS,
    )


def protocol() -> EvalProtocol:
    """How predictions of this task are scored."""
    return EvalProtocol(
        task=NAME,
        vocabulary=VOCABULARY,
        confidence_cuts=CONFIDENCE_CUTS,
        primary=PRIMARY,
        mask_scores=MASK_SCORES,
        probabilities=True,
        original_rule="covid",
        field_baseline=FIELD_BASELINE,
    )


__all__ = ["NAME", "build", "protocol"]
