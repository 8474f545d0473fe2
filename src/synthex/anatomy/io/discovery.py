"""Which files make a subject: the rules by which a folder of CTs is understood. Nothing is decoded here.

1. A *volume file* is a NIfTI, NRRD or MetaImage file; it is a *label file* if its stem is ``labels``,
   ``label``, ``segmentation``, ``seg`` or ``mask`` (any case), or ends in one of them after ``_``, ``-``
   or ``.``; else it is a CT. Hidden files are ignored.
2. A folder with one CT, or with a CT called ``ct``, ``image`` or ``volume``, is one subject. Its labels
   are its one label file or a folder ``segmentations`` (or ``segmentation``, ``labels``) of masks; its
   landmarks are ``landmarks.csv``, else the one ``.mrk.json``, else the one ``.fcsv``; its label names
   are ``labels.yaml`` or ``labels.json``.
3. A folder with several CTs is several subjects: ``<name>.nii.gz`` with ``<name>_labels.nii.gz`` (or
   any other label ending, or the mask folder ``<name>_segmentations``), ``<name>.mrk.json``,
   ``<name>.fcsv``, ``<name>.csv``, with or without ``_landmarks``; ``labels.yaml`` holds for all.
4. A folder without volume files but with DICOM files of one study or patient, in it or at any depth below it, is
   one subject; of several series one is chosen (:mod:`synthex.anatomy.io.dicom_series`). Folders side by side
   in the searched one are subjects of their own if their studies differ, whoever the patient is.
5. Any other folder is searched one level down: each folder in it must be a subject by rules 2 to 4, or hold the
   DICOM files of several patients, each in a folder of its own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from synthex.anatomy.io.dicom_series import MAX_LEVELS
from synthex.anatomy.io.headers import detached_voxels
from synthex.anatomy.io.images import require_readable, volume_stem, volume_suffix
from synthex.core import InputError
from synthex.dicom import is_dicom, open_dicom, word

LAYOUT = "put ct.nii.gz (or a DICOM series) with labels.nii.gz and landmarks.csv into one folder per subject"
_LABEL_STEM = re.compile(r"(?:^|[_\-.])(labels?|segmentations?|seg|mask)$", re.IGNORECASE)
_CT_STEMS = ("ct", "image", "volume")
_MASK_FOLDERS = ("segmentations", "segmentation", "labels")
_NAME_FILES = ("labels.yaml", "labels.yml", "labels.json")


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject.

    Attributes:
        name: Folder or file stem; may identify a patient, so it stays out of ids unless asked for.
        ct: Volume file or DICOM folder.
        labels: Label file, folder of masks, or None.
        landmarks: Landmark file or None.
        label_names: YAML or JSON of names or None.
    """

    name: str
    ct: Path
    labels: Path | None = None
    landmarks: Path | None = None
    label_names: Path | None = None

    def all_files(self) -> list[Path]:
        """Every file the subject is read from, and all files of its folders."""
        files: list[Path] = []
        for entry in (self.ct, self.labels, self.landmarks, self.label_names):
            if entry is not None:
                files.extend(sorted(p for p in entry.rglob("*") if p.is_file()) if entry.is_dir() else [entry])
        files.extend(raw for file in tuple(files) for raw in _detached_voxels(file))
        return files


def find_subjects(root: str | Path) -> list[SubjectFiles]:
    """Apply the rules of this module to ``root`` (a folder, or one CT file).

    Returns:
        Subjects, sorted by name.

    Raises:
        InputError: Nothing found, unreadable, or ambiguous.
    """
    root = Path(root)
    require_readable(root)
    if root.is_file():
        return [_with_siblings(root, [root])]
    found = _subjects_here(root, searched=True)
    if not found:
        below = {folder: _subjects_below(folder) for folder in _folders(root)}
        found = [subject for subjects in below.values() for subject in subjects]
        silent = [folder for folder, subjects in below.items() if not subjects]
        if not found:
            raise InputError(root, "no CT found", LAYOUT)
        if silent:
            raise InputError(silent[0], "no CT found in this folder", f"move it elsewhere, or {LAYOUT}")
    return sorted(found, key=lambda subject: subject.name)


def _subjects_below(folder: Path, level: int = 0) -> list[SubjectFiles]:
    """Rules 2 to 4 for one folder, or for the folders in it where it holds DICOM files of several patients."""
    found = _subjects_here(folder)
    if found or level == MAX_LEVELS or not _dicom_folders(folder):
        return found
    return [subject for child in _folders(folder) for subject in _subjects_below(child, level + 1)]


def _subjects_here(folder: Path, searched: bool = False) -> list[SubjectFiles]:
    """Rules 2 to 4 for one folder; empty where it holds no CT."""
    require_readable(folder)
    volumes = [entry for entry in _files(folder) if volume_suffix(entry)]
    cts = [entry for entry in volumes if not _LABEL_STEM.search(volume_stem(entry))]
    named = [entry for entry in cts if volume_stem(entry).lower() in _CT_STEMS]
    if len(named) > 1:
        raise InputError(folder, f"several CTs: {', '.join(entry.name for entry in named)}", "keep one of them")
    if len(cts) > 1 and not named:
        return [_with_siblings(ct, cts) for ct in cts]
    if named or cts:
        return [_one_subject(folder, (named or cts)[0])]
    dicom = _dicom_folders(folder)
    if not dicom or (len(dicom) > 1 and folder not in dicom and not _of_one(folder, dicom, searched)):
        return []
    return [_one_subject(folder, dicom[0] if len(dicom) == 1 else folder)]


def _one_subject(folder: Path, ct: Path) -> SubjectFiles:
    labels = [e for e in _files(folder) if volume_suffix(e) and _LABEL_STEM.search(volume_stem(e)) and e != ct]
    plain = [entry for entry in labels if volume_stem(entry).lower() in ("labels", "label")]
    masks = [entry for entry in _folders(folder) if entry.name.lower() in _MASK_FOLDERS and entry != ct]
    chosen = plain or labels or masks
    if len(chosen) > 1:
        raise InputError(folder, f"several label maps: {', '.join(entry.name for entry in chosen)}", "keep one of them")
    return SubjectFiles(folder.name, ct, chosen[0] if chosen else None, _landmarks(folder), _label_names(folder))


def _with_siblings(ct: Path, cts: list[Path]) -> SubjectFiles:
    """Rule 3: what carries the CT's stem belongs to it."""
    folder, stem = ct.parent, volume_stem(ct)
    if len(cts) == 1 and stem.lower() in _CT_STEMS:
        return _one_subject(folder, ct)
    others = [entry for entry in (*_files(folder), *_folders(folder)) if entry.name.startswith(stem) and entry != ct]

    def tail(entry: Path) -> str:
        name = volume_stem(entry) if volume_suffix(entry) else entry.name
        return name[len(stem) :].lstrip("_-.").lower()

    labels = [e for e in others if re.fullmatch(r"(labels?|segmentations?|seg|mask)", tail(e))]
    points = [e for e in others if re.fullmatch(r"(landmarks\.)?(csv|mrk\.json|fcsv)", tail(e))]
    if len(labels) > 1:
        raise InputError(ct, f"several label maps: {', '.join(entry.name for entry in labels)}", "keep one of them")
    found = labels[0] if labels else None
    return SubjectFiles(stem, ct, found, _best_landmarks(folder, points), _label_names(folder))


def _landmarks(folder: Path) -> Path | None:
    files = [
        entry
        for entry in _files(folder)
        if entry.name.lower() == "landmarks.csv" or entry.name.lower().endswith((".mrk.json", ".fcsv"))
    ]
    return _best_landmarks(folder, files)


def _best_landmarks(folder: Path, files: list[Path]) -> Path | None:
    """CSV before markups before fcsv: only the CSV can say that a landmark is absent."""
    for suffix in (".csv", ".mrk.json", ".fcsv"):
        found = [entry for entry in files if entry.name.lower().endswith(suffix)]
        if len(found) > 1:
            raise InputError(
                folder, f"several landmark files: {', '.join(entry.name for entry in found)}", "keep one of them"
            )
        if found:
            return found[0]
    return None


def _label_names(folder: Path) -> Path | None:
    return next((folder / name for name in _NAME_FILES if (folder / name).is_file()), None)


def _dicom_folders(folder: Path, level: int = 0) -> list[Path]:
    """The folder and those at any depth below it that hold DICOM files."""
    here = [folder] if any(is_dicom(file) for file in _files(folder)[:50]) else []
    if level == MAX_LEVELS:
        return here
    below = [child for child in _folders(folder) if child.name.lower() not in _MASK_FOLDERS]
    return here + [entry for child in below for entry in _dicom_folders(child, level + 1)]


def _of_one(root: Path, folders: list[Path], searched: bool) -> bool:
    """Whether the DICOM files of all folders, of each the first, are of one study or, deeper down, of one patient."""
    first = [open_dicom(next(file for file in _files(folder) if is_dicom(file))) for folder in folders]
    if len({word(file, "StudyInstanceUID") for file in first}) == 1:
        return True
    if searched and len({folder.relative_to(root).parts[0] for folder in folders}) > 1:
        return False
    patients = {word(file, "PatientID") for file in first}  # compared and forgotten
    return len(patients) == 1 and "" not in patients


def _files(folder: Path) -> list[Path]:
    require_readable(folder)
    return [entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.name.startswith(".")]


def _folders(folder: Path) -> list[Path]:
    require_readable(folder)
    links = (entry for entry in sorted(folder.iterdir()) if not entry.name.startswith("."))
    return [entry for entry in links if entry.is_dir()]


def _detached_voxels(header: Path) -> list[Path]:
    """The voxel files of a detached header; none where it cannot be read, which its own reader says."""
    try:
        return detached_voxels(header)
    except OSError:
        return []
