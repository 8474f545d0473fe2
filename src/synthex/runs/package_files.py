"""Names and digests of the files of a package."""

import hashlib
import re
from pathlib import Path
from typing import Any

from synthex.core import InputError

WEIGHTS_FILE, CARD_FILE, LICENCE_FILE = "weights.safetensors", "card.md", "licence.txt"

REMEDY = "export it again, or take another copy of the package"


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed_digests(path: Path, content: Any) -> dict[str, str]:
    """SHA-256 of a package's other files, by name, as its ``model.json`` has them.

    Raises:
        InputError: They are missing, damaged, or of files that no package has.
    """
    listed = dict(content.get("sha256") or {}) if isinstance(content, dict) and _is_table(content) else None
    if listed is None:
        raise InputError(path, "does not have the digests of the package's files", REMEDY)
    return {WEIGHTS_FILE: content["weights_sha256"], **listed}


def _is_table(content: dict[str, Any]) -> bool:
    listed = content.get("sha256") or {}
    digits = [content.get("weights_sha256"), *(listed.values() if isinstance(listed, dict) else [None])]
    known = isinstance(listed, dict) and set(listed) <= {CARD_FILE, LICENCE_FILE}
    return known and all(isinstance(one, str) and re.fullmatch(r"[0-9a-f]{64}", one) for one in digits)
