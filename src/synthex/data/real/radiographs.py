"""Any radiograph from a path: DICOM, pictures and arrays, of one image or several, labelled or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, Domain, InputError, Sample
from synthex.core.arrays import Image
from synthex.data.real.dicom import Meaning, frame_count, read_frames
from synthex.data.real.files import as_image
from synthex.data.real.pictures import NUMPY, PICTURES, decode_page, page_count
from synthex.dicom import holds_image, is_dicom, open_dicom

DICOM = (".dcm", ".dicom", ".ima")
KINDS = (*DICOM, *PICTURES, ".bmp", *NUMPY)
"""Endings of files that must be readable; of others, those are read whose content is DICOM."""

CLUTTER = ("thumbs.db", "desktop.ini", "dicomdir")
MEANINGS: tuple[Meaning, ...] = ("log", "intensity", "inverted")

_EXPECTED = f"give DICOM files, or one of {', '.join((*PICTURES, '.bmp', *NUMPY))}"


@dataclass(frozen=True, eq=False)
class RadiographFile:
    """One radiograph of a file.

    Attributes:
        path: The file.
        frame: Which of its radiographs, from 0: frame of a DICOM file, page of a TIFF, first axis of an array.
        image: H x W; in the domain ``log`` bone is bright.
        domain: What its values mean.
        pixel_mm: Pitch at the detector; None where the file does not say it.
        magnification: Source-detector over source-patient distance; 1 where the file does not say both.
    """

    path: Path
    frame: int
    image: Image
    domain: Domain
    pixel_mm: float | None
    magnification: float = 1.0

    def sample(self, pixel_mm: float, case_id: str = "radiograph") -> Sample:
        """It without any annotation, for where a pitch (mm) is needed whether or not it is known."""
        height, width = self.image.shape
        return Sample(
            case_id=case_id,
            subject_id="unknown",
            image=self.image,
            domain=self.domain,
            masks=np.zeros((0, height, width), dtype=bool),
            landmarks=np.zeros((0, 2)),
            visible=np.zeros(0, dtype=bool),
            annotated=np.zeros(0, dtype=bool),
            pixel_mm=pixel_mm,
        )


def read_radiographs(
    path: str | Path, meaning: str | None = None, frame: int | None = None
) -> Iterator[RadiographFile]:
    """Every radiograph of a file, or of all files below a folder, one at a time.

    Sizes and numbers of frames are taken from headers and checked before memory is taken.

    Args:
        path: A DICOM file (recognised by content), a picture (PNG, JPEG, BMP, TIFF), an array (``.npy``, ``.npz``),
            or a folder of them.
        meaning: What pixels mean: ``log`` (shown with bone bright), ``intensity`` (linear, bone dark) or ``inverted``
            (shown with bone dark). None: DICOM files as they say (:func:`synthex.data.real.dicom.read_dicom`),
            pictures and arrays as ``log``.
        frame: Only this one of a file, from 0; None: all.

    Raises:
        InputError: A file cannot be used, or there is none.
        ConfigError: ``meaning`` is none of the three.
    """
    path = Path(path).expanduser()
    chosen = known_meaning(meaning)
    if not path.exists():
        raise InputError(path, "there is no such file or folder", _EXPECTED)
    for file in radiograph_files(path) if path.is_dir() else [path]:
        yield from _read(file, chosen, frame)


def known_meaning(name: str | None) -> Meaning | None:
    """The meaning of that name; None stays None.

    Raises:
        ConfigError: There is none.
    """
    for meaning in MEANINGS:
        if name == meaning:
            return meaning
    if name is None:
        return None
    choices = "log (bone bright), intensity (linear, bone dark) or inverted (a picture shown with bone dark)"
    raise ConfigError(f"domain={name}: choose {choices}")


def radiograph_files(folder: Path) -> list[Path]:
    """Radiographs below a folder, at any depth, by path.

    Files of other kinds are passed over, and so are DICOM objects that are no images (reports, presentation states,
    the directory). What has the ending of a radiograph but is damaged is kept, for reading it says so.

    Raises:
        InputError: There is none.
    """
    files = sorted(
        file
        for file in folder.rglob("*")
        if not file.name.startswith(".") and file.name.lower() not in CLUTTER and file.is_file() and is_candidate(file)
    )
    if not files:
        raise InputError(folder, "holds no DICOM file and no picture", _EXPECTED)
    return files


def radiograph_count(path: Path) -> int:
    """Radiographs in one file, from its header.

    Raises:
        InputError: The file cannot be used.
    """
    return frame_count(path) if is_read_as_dicom(path) else page_count(path)


def is_candidate(file: Path) -> bool:
    """Whether a file has the ending of a radiograph, or is a DICOM image; it may be damaged."""
    if is_dicom(file):
        try:
            return holds_image(open_dicom(file))
        except InputError:  # reading it says what is wrong
            return True
    return file.suffix.lower() in KINDS


def is_read_as_dicom(path: Path) -> bool:
    """Whether a file is read as DICOM: by its ending, or by its content where the ending is none of a picture."""
    return path.suffix.lower() in DICOM or (path.suffix.lower() not in KINDS and is_dicom(path))


def _read(path: Path, meaning: Meaning | None, frame: int | None) -> Iterator[RadiographFile]:
    if is_read_as_dicom(path):
        for found in read_frames(path, meaning, frame or 0):
            place = (path, found.frame, found.image, found.domain, found.pixel_mm, found.magnification)
            yield RadiographFile(*place)
            if frame is not None:
                return
        if frame is not None:
            raise _no_frame(path, frame)
        return
    if path.suffix.lower() not in KINDS:
        raise InputError(path, "is neither a DICOM file nor a picture", _EXPECTED)
    count = page_count(path)
    if frame is not None and not 0 <= frame < count:
        raise _no_frame(path, frame)
    for number in range(count) if frame is None else [frame]:
        image = as_image(path, decode_page(path, number))
        if meaning == "inverted":
            image = np.float32(image.min() + image.max()) - image
        yield RadiographFile(path, number, image, "intensity" if meaning == "intensity" else "log", None)


def _no_frame(path: Path, frame: int) -> InputError:
    return InputError(path, f"has no frame {frame + 1}", "check the number of the frame")
