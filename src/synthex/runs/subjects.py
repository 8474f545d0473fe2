"""Who was on which side: subjects of CTs, meshes and label maps, remembered so that none moves from train to test."""

from collections.abc import Mapping
from pathlib import Path

from synthex.core import AnatomySource, ConfigError, InputError, Reader, write_json
from synthex.core.documents import read_json
from synthex.data import simulated

SUBJECTS_FILE = "subjects.json"


def fingerprints(source: AnatomySource) -> dict[str, str]:
    """Fingerprint of every subject; ids alone say little, since they are numbers in the order of a folder."""
    return {subject: source.fingerprint(subject) for subject in source.subject_ids()}


def keep_subjects(run: Path, readers: Mapping[str, Reader], *, from_files: bool, resumed: bool) -> None:
    """Write down who is on which side of a new run; compare, where a run goes on.

    Args:
        run: Its folder.
        readers: By split.
        from_files: Whether the subjects are files of the user's, which may change between two commands.
        resumed: Whether the run goes on.

    Raises:
        ConfigError: A folder of people (CTs, meshes, label maps) is not what it was when the run began.
    """
    path = run / SUBJECTS_FILE
    if not from_files:
        path.unlink(missing_ok=True)
        return
    found = {
        split: {key: value for part in simulated(reader) for key, value in fingerprints(part.anatomies).items()}
        for split, reader in readers.items()
    }
    wanted = read_subjects(run) if resumed else None
    if wanted is None:
        write_json(path, found)
        return
    for split, subjects in found.items():
        check_subjects(subjects, wanted.get(split, {}), "start a new run in another paths.run_dir")


def read_subjects(run: Path) -> dict[str, dict[str, str]] | None:
    """Fingerprints of a run's subjects by split; None where they are no files.

    Raises:
        InputError: The file is damaged.
    """
    path = run / SUBJECTS_FILE
    if not path.exists():
        return None
    remedy = "restore it from a copy, or train again"
    found = read_json(path, remedy)
    try:
        return {split: {str(key): str(value) for key, value in ids.items()} for split, ids in found.items()}
    except AttributeError as error:
        raise InputError(path, "is damaged", remedy) from error


def check_subjects(found: Mapping[str, str], wanted: Mapping[str, str], remedy: str) -> None:
    """Check that subjects are those of before.

    Raises:
        ConfigError: One is new, gone or changed: what is said to be unseen may have been trained on.
    """
    changed = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    if changed:
        listed = ", ".join(changed[:4]) + (", …" if len(changed) > 4 else "")
        raise ConfigError(
            f"the run's CTs, meshes or label maps have changed since it began (new, gone or other: {listed}), "
            f"so its splits hold no more; restore them, or {remedy}"
        )
