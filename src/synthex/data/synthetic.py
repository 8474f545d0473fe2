"""Labelled radiographs made on the fly: sample ``i`` is a pure function of (seed, split, i)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from synthex.core import Anatomy, AnatomySource, Camera, ConfigError, Sample, Scene, Simulator, Task, derive_rng
from synthex.core.arrays import Image, PixelFlags, Point3
from synthex.data.mix import choose_subject
from synthex.geometry import CArm, Shot, Views

ENDLESS = 2**40
"""Length of a reader that never runs out: more samples than any run can draw."""

REDRAWS = 50
"""Scenes and views drawn for one case before giving up: our choice. Where one in ten is of use, 50 fail together
in one case of 200; then the ranges are at fault."""


GREY_SURROUND = 0.2
"""Share of round fields whose surround is not black: our choice."""


class SyntheticReader:
    """A :class:`synthex.core.Reader` whose cases are simulated when asked for.

    The same (seed, split, index) gives the same scene, camera and bit-identical targets at every
    realism level: scene, view and pixels draw from three separate streams.

    Args:
        split: Name of the split; part of the random stream and of the case ids.
        anatomies: The subjects of this split.
        task: Scene, targets and vocabulary.
        simulator: The realism level.
        carm: The C-arm whose camera takes the images.
        views: Ranges the view is drawn from.
        size: Rows and columns of the images; the C-arm is binned, so the physical field stays.
        seed: Run seed.
        count: Number of cases; None for an endless stream (training).
        person: Maps a subject to the person it is a variant of. Samples carry the person's id: shapes of
            one CT are not independent subjects when intervals are computed.

    Raises:
        ConfigError: There is no subject, or a subject lacks a structure of the task.
    """

    def __init__(
        self,
        split: str,
        anatomies: AnatomySource,
        task: Task,
        simulator: Simulator,
        carm: CArm,
        views: Views,
        size: int,
        seed: int = 0,
        count: int | None = None,
        person: Callable[[str], str] = str,
    ) -> None:
        self.split, self.anatomies, self.task = split, anatomies, task
        self.simulator, self.carm, self.views = simulator, carm.binned(size), views
        self.seed, self.count, self.person = seed, count, person
        self.structures, self.landmarks = task.vocabulary.structures, task.vocabulary.landmarks
        self._subjects = anatomies.subject_ids()
        self._loaded: dict[str, Anatomy] = {}
        if not self._subjects:
            raise ConfigError(f"there is no subject for the {split} split; give more anatomies")

    def __len__(self) -> int:
        return ENDLESS if self.count is None else self.count

    def case_id(self, index: int) -> str:
        """Name of case ``index``."""
        return f"{self.split}-{index:06d}"

    def case_ids(self) -> tuple[str, ...]:
        """Names of all cases.

        Raises:
            ConfigError: The stream is endless.
        """
        if self.count is None:
            raise ConfigError(f"the {self.split} stream is endless; give it a number of cases to list them")
        return tuple(self.case_id(index) for index in range(self.count))

    def anatomy(self, index: int) -> Anatomy:
        """The subject of case ``index`` (kept open: prepared volumes are memory maps)."""
        return self.subject(choose_subject(self.anatomies, index, self.seed))

    def subject(self, subject_id: str) -> Anatomy:
        """A subject that has the task's structures.

        Raises:
            ConfigError: It lacks one.
        """
        if subject_id not in self._loaded:
            anatomy = self.anatomies.load(subject_id)
            missing = [name for name in self.task.needed if name not in anatomy.structures]
            if missing:
                raise ConfigError(
                    f"subject {subject_id} has no label for {', '.join(missing)}; it has "
                    f"{', '.join(anatomy.structures) or 'none'} (name them with a labels file, see the README)"
                )
            self._loaded[subject_id] = anatomy
        return self._loaded[subject_id]

    def setup(self, index: int) -> tuple[Scene, Camera, Shot]:
        """Scene, camera and view of case ``index``: drawn again, both of them, until the task can use the view.

        Raises:
            ConfigError: It cannot use any of :data:`REDRAWS`.
        """
        anatomy, reasons = self.anatomy(index), []
        for attempt in range(REDRAWS):
            again = (attempt,) if attempt else ()
            scene = self.task.scene(anatomy, derive_rng(self.seed, self.split, index, "scene", *again))
            rng = derive_rng(self.seed, self.split, index, "view", *again)
            view = self.views.sample(rng, scene.aim_world, scene.aims, index)
            camera = view.camera(self.carm)
            reason = self.task.unusable(scene, camera) if self.task.unusable else None
            if reason is None:
                return scene, camera, view
            reasons.append((reason, view.isocenter_world - scene.aim_world))
        reason, beside = reasons[-1]
        remedy = self._narrow(camera, view, beside)
        raise ConfigError(f"none of {REDRAWS} views of {anatomy.subject_id} can be used: {reason}; {remedy}")

    def _narrow(self, camera: Camera, view: Shot, beside_mm: Point3) -> str:
        """Which range most probably keeps what is wanted out of every view."""
        field_mm = camera.width * camera.pixel_mm * view.source_isocenter_mm / camera.sdd_mm
        if np.linalg.norm(beside_mm) > field_mm / 2:
            offset = ", ".join(f"{value:.0f}" for value in beside_mm)
            return f"views.isocenter_jitter_mm drew an offset of ({offset}) mm, narrow it"
        return (
            f"views.isocenter_jitter_mm is not to blame; the field shows {field_mm:.0f} mm at the isocentre: widen "
            "carm.columns or carm.pixel_mm, or narrow views.source_isocenter_mm and the ranges of the task's scene"
        )

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"case {index} of {len(self)}")
        scene, camera, view = self.setup(index)
        return form_sample(
            self.task,
            self.simulator,
            scene,
            camera,
            view,
            rng=derive_rng(self.seed, self.split, index, "simulation"),
            surround=derive_rng(self.seed, self.split, index, "surround"),
            case_id=self.case_id(index),
            subject_id=self.person(scene.anatomy.subject_id),
            record={
                "seed": self.seed,
                "split": self.split,
                "index": index,
                "subject": scene.anatomy.subject_id,
                "scene": dict(scene.record),
            },
        )


def form_sample(
    task: Task,
    simulator: Simulator,
    scene: Scene,
    camera: Camera,
    view: Shot,
    *,
    rng: np.random.Generator,
    surround: np.random.Generator,
    case_id: str,
    subject_id: str,
    record: Mapping[str, Any],
) -> Sample:
    """The radiograph of a scene with its targets, as a task wants them.

    Args:
        task: Says which labels are projected and makes targets of them.
        simulator: Forms the image.
        scene: What is X-rayed.
        camera: Of ``view``.
        view: Where the C-arm is.
        rng: Of the simulation.
        surround: Of what is shown around a round field.
        case_id: The sample's.
        subject_id: The sample's.
        record: What the sample's record begins with; view, camera, simulation and targets are added.
    """
    label_ids = [scene.anatomy.structures[name] for name in task.needed]
    rendering = simulator(scene, camera, label_ids, rng)
    targets = task.targets(scene, camera, rendering)
    image, masks = rendering.radiograph.image, targets.masks
    opened = camera.open_pixels()
    if opened is not None:
        image, masks = surrounded(image, opened, surround), masks & opened
    return Sample(
        case_id=case_id,
        subject_id=subject_id,
        image=image,
        domain=rendering.radiograph.domain,
        masks=masks,
        landmarks=targets.landmarks,
        visible=targets.visible,
        annotated=targets.annotated,
        pixel_mm=camera.pixel_mm,
        magnification=camera.sdd_mm / view.source_isocenter_mm,
        record={
            **record,
            "view": view.to_record(),
            "camera": camera.to_record(),
            "simulation": dict(rendering.record),
            "targets": dict(targets.record),
        },
    )


def surrounded(image: Image, opened: PixelFlags, rng: np.random.Generator) -> Image:
    """The image with what displays show around a round field: black, or now and then one grey.

    Black is the darkest value inside, in either domain: a display's surround does not turn with its polarity.

    Args:
        image: Either domain.
        opened: The field.
        rng: Draws the grey.
    """
    low, high = float(image[opened].min()), float(image[opened].max())
    grey = low + (high - low) * float(rng.random()) if rng.random() < GREY_SURROUND else low
    return np.where(opened, image, np.float32(grey))
