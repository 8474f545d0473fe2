"""The process that renders for others, with a stand-in for DeepDRR."""

import os

import numpy as np
import pytest

from synthex.core import Affine, Camera, UserError, Volume
from synthex.geometry import CArm
from synthex.simulation import deepdrr_server
from synthex.simulation.deepdrr_server import Server, render_apart
from synthex.simulation.deepdrr_session import Settings

STAND_IN = """
import os, numpy as np
from synthex.simulation import deepdrr_server
seen = []
def render(ct, camera, settings, noise_seed):
    print("libraries print what they like", flush=True)
    os.write(1, b"and so does C")
    if noise_seed == 13:
        raise MemoryError("the GPU is full")
    if noise_seed == 14:
        os._exit(3)
    seen.append(ct)
    repeated = len(seen) > 1 and seen[-2] is ct
    image = np.full((camera.height, camera.width), ct.data[0, 0, 0], dtype=np.float32)
    image[0, :4] = settings.photon_count, noise_seed, repeated, os.getpid()
    return image
deepdrr_server.render_intensity = render
deepdrr_server.serve()
"""


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(deepdrr_server, "Server", lambda: Server(STAND_IN))
    deepdrr_server._servers.clear()
    yield
    deepdrr_server._servers.clear()


def water(hu: int) -> Volume:
    return Volume(np.full((3, 3, 3), hu, dtype=np.int16), Affine.identity())


def camera() -> Camera:
    carm = CArm(rows=5, columns=6, pixel_mm=10.0, source_side="posterior")
    return carm.camera(carm.view(np.zeros(3)))


def test_requests_are_answered_and_a_ct_travels_once(stand_in):
    one, other = water(7), water(9)
    found = [render_apart(ct, camera(), Settings(photon_count=50), seed) for seed, ct in enumerate((one, one, other))]
    assert [image[2, 2] for image in found] == [7, 7, 9]
    assert [image[0, :3].tolist() for image in found] == [[50, 0, 0], [50, 1, 1], [50, 2, 0]]
    assert found[0].shape == (5, 6)
    assert found[0].dtype == np.float32
    assert len({image[0, 3] for image in found} - {os.getpid()}) == 1


@pytest.mark.long
def test_a_failure_is_one_line_and_the_next_image_starts_anew(stand_in):
    with pytest.raises(
        UserError, match=r"^simulation=deepdrr: the package deepdrr failed: MemoryError: the GPU is full$"
    ):
        render_apart(water(1), camera(), Settings(), 13)
    assert render_apart(water(2), camera(), Settings())[2, 2] == 2
    with pytest.raises(UserError, match="failed: "):
        render_apart(water(1), camera(), Settings(), 14)


@pytest.mark.long
def test_a_fork_has_a_server_of_its_own(stand_in):
    mine = render_apart(water(1), camera(), Settings())[0, 3]
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            theirs = render_apart(water(4), camera(), Settings())
            os.write(write, f"{int(theirs[0, 3])} {int(theirs[2, 2])}".encode())
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    theirs, value = os.read(read, 100).split()
    assert int(theirs) != int(mine)
    assert int(value) == 4
    assert render_apart(water(3), camera(), Settings())[0, 3] == mine
