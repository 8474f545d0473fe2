"""Packages at addresses: a web server and a hub, both pretended on this machine."""

import hashlib
import json
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import huggingface_hub.constants
import numpy as np
import pytest
from generators.tiny_models import write_tiny_package

from synthex.core import InputError
from synthex.runs import find_model, load, remote

REVISION = "1" * 40


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, also below the addresses that a hub has; counts what was asked for."""

    asked: list

    def log_message(self, *args):
        pass

    def translate_path(self, path):
        return super().translate_path("/" + path.split("/")[-1])

    def end_headers(self):
        file = self.translate_path(self.path)
        self.asked.append(self.path)
        try:
            with open(file, "rb") as content:
                self.send_header("ETag", f'"{hashlib.sha256(content.read()).hexdigest()}"')
        except OSError:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("X-Repo-Commit", REVISION)
        super().end_headers()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return write_tiny_package(tmp_path_factory.mktemp("package") / "tiny")


@pytest.fixture
def server(package, tmp_path, monkeypatch):
    """A server of a copy of the package; the caches are empty."""
    folder = tmp_path / "served"
    folder.mkdir()
    for path in package.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    handler = type("Counting", (Handler,), {"asked": []})
    found = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    found.folder, found.asked = folder, handler.asked
    found.url = f"http://127.0.0.1:{found.server_address[1]}"
    threading.Thread(target=found.serve_forever, daemon=True).start()
    monkeypatch.setenv("SYNTHEX_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setattr(huggingface_hub.constants, name, str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", found.url)
    template = huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE.split("/{repo_id}")[1]
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", found.url + "/{repo_id}" + template)
    yield found
    found.shutdown()
    found.server_close()


def address(server):
    digits = hashlib.sha256((server.folder / "model.json").read_bytes()).hexdigest()
    return f"{server.url}/models/tiny/model.json#sha256={digits}"


def test_a_package_on_a_web_server_answers_and_is_fetched_once(server, package):
    there = address(server)
    image = np.random.default_rng(0).random((50, 60), dtype=np.float32)
    found, expected = load(there).predict(image), load(package).predict(image)
    assert {name: one.xy for name, one in found.landmarks.items()} == {
        name: one.xy for name, one in expected.landmarks.items()
    }
    assert len(server.asked) == 4
    load(there)
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: url.partition("#")[0], "which model.json"),
        (lambda url: url[:-1], "which model.json"),
        (lambda url: url[:-64] + "0" * 64, "SHA-256 differs"),
        (lambda url: url.replace("model.json", "other.json"), "does not end in model.json"),
        (lambda url: url.replace("127.0.0.1", "example.org"), "is not encrypted"),
        (lambda url: url.replace(url.split(":")[2].split("/")[0], "9"), "cannot be reached"),
        (lambda url: "hf://owner", "no address of a hub"),
    ],
)
def test_addresses_that_lead_nowhere_are_refused_in_a_line(server, change, message):
    with pytest.raises(InputError, match=message) as refused:
        find_model(change(address(server)))
    assert "\n" not in str(refused.value)


def test_files_that_changed_or_are_too_large_are_refused(server, monkeypatch):
    there = address(server)
    weights = server.folder / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="SHA-256 differs"):
        find_model(there)
    weights.write_bytes(content)
    monkeypatch.setitem(remote.LIMITS, "weights.safetensors", len(content) - 1)
    with pytest.raises(InputError, match="has more than"):
        find_model(there)
    monkeypatch.undo()


def test_a_fetched_package_passes_the_same_gate(server):
    settings = server.folder / "model.json"
    content = json.loads(settings.read_text())
    for change, message in (
        ({"model": {"_target_": "os.system"}}, "os.system"),
        ({"sha256": {"code.py": "0" * 64}}, "does not have the digests"),
    ):
        settings.write_text(json.dumps(content | change))
        with pytest.raises(InputError, match=message):
            find_model(address(server))


def test_a_package_on_a_hub_is_found_at_its_revision(server, package):
    there = f"hf://owner/tiny@{REVISION}"
    assert find_model(there).version == find_model(package).version
    names = ("model.json", "card.md", "licence.txt", "weights.safetensors")
    assert {f"/owner/tiny/resolve/{REVISION}/{name}" for name in names} <= set(server.asked)


def test_without_a_network_what_was_fetched_before_is_taken(server, package, monkeypatch):
    """With the error of the client that the hub library has from version 1 on."""
    there = f"hf://owner/tiny@{REVISION}"
    find_model(there)

    def unreachable(*args, **settings):
        raise httpx.ConnectError("no such host")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert find_model(there).version == find_model(package).version
    with pytest.raises(InputError, match="cannot be reached"):
        find_model(f"hf://owner/other@{REVISION}")


def test_a_hub_without_the_package_or_out_of_reach_is_one_line(server, monkeypatch):
    (server.folder / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no weights\.safetensors"):
        find_model(f"hf://owner/tiny@{REVISION}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="cannot be reached"):
        find_model(f"hf://owner/other@{REVISION}")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="needs the package huggingface_hub"):
        find_model(f"hf://owner/tiny@{REVISION}")
