"""Packages on a hub or a web server: fetched once, checked, and then a folder like any other.

``hf://owner/name@revision`` is a repository of the Hugging Face hub; ``https://…/model.json#sha256=…`` is a package
that lies on a web server, its files beside each other, and the digest is that of ``model.json``, which has those of the
others. Only the files of a package are fetched, each within a size; nothing in them is executed.
"""

import hashlib
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from synthex.core import InputError, atomic_path
from synthex.core.documents import read_json
from synthex.runs.package_files import CARD_FILE, LICENCE_FILE, WEIGHTS_FILE, digest, listed_digests
from synthex.runs.zoo import MODEL_FILE

LIMITS = {MODEL_FILE: 1 << 20, CARD_FILE: 1 << 20, LICENCE_FILE: 1 << 20, WEIGHTS_FILE: 1 << 31}
"""Bytes that a file may have: our choice; the study's TransUNet takes 200 MB in half precision."""

_OPTIONAL = (CARD_FILE, LICENCE_FILE)
_SECONDS = 20.0
_CHUNK = 1 << 20
_HUB = re.compile(r"hf://(?P<name>[\w.-]+/[\w.-]+)@(?P<revision>[\w./-]+)")
_LOCAL = ("127.0.0.1", "localhost", "::1")
_OFFLINE = "connect to the network, or give the folder of a package that is here already"


def fetch(address: str) -> Path:
    """The folder of the package at an address, fetched where it is not here yet.

    Raises:
        InputError: The address is no such one, cannot be reached, or what lies there is not what it says.
    """
    if address.startswith("hf://"):
        return _from_hub(address)
    return _from_web(address)


def _from_hub(address: str) -> Path:
    found = _HUB.fullmatch(address)
    if found is None:
        raise InputError(address, "is no address of a hub", "write hf://owner/name@revision, a commit or a tag")
    try:
        import huggingface_hub
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        problem = "needs the package huggingface_hub"
        raise InputError(address, problem, "pip install 'synthex[hub]', or give the folder of a package") from None
    name, revision = found["name"], found["revision"]
    folder: Path | None = None
    for file, limit in LIMITS.items():
        try:
            _check_hub_size(address, huggingface_hub.hf_hub_url(name, file, revision=revision), file, limit)
            path = Path(huggingface_hub.hf_hub_download(name, file, revision=revision))
        except LocalEntryNotFoundError:
            if file in _OPTIONAL and folder is not None:
                continue
            raise InputError(address, "cannot be reached, and is not here from before", _OFFLINE) from None
        except EntryNotFoundError:
            if file in _OPTIONAL:
                continue
            raise InputError(address, f"has no {file}", "give the repository of a package") from None
        except (HfHubHTTPError, OSError, ValueError) as error:
            problem = f"cannot be fetched ({type(error).__name__})"
            raise InputError(address, problem, "check owner, name and revision, and the network") from None
        if path.stat().st_size > limit:
            raise _too_large(address, file, limit)
        folder = path.parent
    if folder is None:
        raise InputError(address, f"has no {MODEL_FILE}", "give the repository of a package")
    return folder


def _check_hub_size(address: str, url: str, file: str, limit: int) -> None:
    """Refuse a file by its header, before it is fetched; what was fetched is measured by the caller, in any case."""
    import httpx
    from huggingface_hub import get_hf_file_metadata
    from huggingface_hub.errors import HfHubHTTPError

    try:
        size = get_hf_file_metadata(url, timeout=_SECONDS).size
    except HfHubHTTPError:
        raise
    except (httpx.HTTPError, OSError):  # no answer: the fetch, which may find a copy, says what is wrong
        return
    if size is not None and size > limit:
        raise _too_large(address, file, limit)


def _from_web(address: str) -> Path:
    url, _, fragment = address.partition("#")
    wanted = fragment.removeprefix("sha256=").lower()
    if not fragment.startswith("sha256=") or re.fullmatch(r"[0-9a-f]{64}", wanted) is None:
        problem = f"does not say which {MODEL_FILE} it means"
        raise InputError(url, problem, f"add #sha256= and the 64 digits of `sha256sum {MODEL_FILE}`")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOCAL:
        raise InputError(url, "is not encrypted", "give an address that begins with https://")
    if not parts.path.endswith(f"/{MODEL_FILE}"):
        raise InputError(url, f"does not end in {MODEL_FILE}", f"give the address of the package's {MODEL_FILE}")
    folder = _cache() / wanted
    _fetch_file(url, folder / MODEL_FILE, wanted)
    content = read_json(folder / MODEL_FILE, "take another package", LIMITS[MODEL_FILE])
    for file, digits in listed_digests(folder / MODEL_FILE, content).items():
        _fetch_file(urljoin(url, file), folder / file, digits)
    return folder


def _fetch_file(url: str, target: Path, wanted: str) -> None:
    """Fetch one file, unless it is here; it is in its place only with the right digest."""
    if target.is_file() and digest(target) == wanted:
        return
    limit, found, size = LIMITS[target.name], hashlib.sha256(), 0
    with atomic_path(target) as path:
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer, path.open("wb") as file:
                while chunk := answer.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise _too_large(url, target.name, limit)
                    found.update(chunk)
                    file.write(chunk)
        except urllib.error.HTTPError as error:
            raise InputError(url, f"cannot be fetched (HTTP {error.code})", "check the address") from None
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise InputError(url, f"cannot be reached ({reason})", _OFFLINE) from None
        if found.hexdigest() != wanted:
            raise InputError(url, "is not the file that was meant (its SHA-256 differs)", "check address and digest")


def _cache() -> Path:
    return Path(os.environ.get("SYNTHEX_CACHE") or Path.home() / ".cache" / "synthex").expanduser() / "models"


def _too_large(where: str, file: str, limit: int) -> InputError:
    return InputError(where, f"{file} has more than {limit >> 20} MiB", "no model of synthex has; check the address")
