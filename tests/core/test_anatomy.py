import numpy as np
import pytest

from synthex.core import Affine, Anatomy, Volume


def volume(dtype: type, shape: tuple[int, int, int] = (3, 4, 5)) -> Volume:
    return Volume(np.zeros(shape, dtype), Affine.from_parts(np.diag((1.0, 2.0, 3.0)), (10, 20, 30)))


def test_centre_is_that_of_the_grid_not_of_the_shape():
    ct = volume(np.int16)
    np.testing.assert_allclose(ct.center_world, (11, 23, 36))
    np.testing.assert_allclose(ct.spacing_mm, (1, 2, 3))


def test_spacing_of_an_oblique_grid():
    turn = np.array(((0.6, -0.8, 0), (0.8, 0.6, 0), (0, 0, 1)))
    oblique = Volume(np.zeros((2, 2, 2), np.int16), Affine.from_parts(turn @ np.diag((1.0, 2.0, 3.0)), (0, 0, 0)))
    np.testing.assert_allclose(oblique.spacing_mm, (1, 2, 3))


def test_an_anatomy_keeps_its_own_landmarks():
    landmarks = {"FH-l": np.array((1.0, 2.0, 3.0))}
    anatomy = Anatomy("s", volume(np.int16), volume(np.uint8), {"hip": 1}, landmarks)
    landmarks["FH-l"][0] = 99
    assert anatomy.landmarks["FH-l"][0] == 1
    with pytest.raises(TypeError):
        anatomy.landmarks["new"] = np.zeros(3)


@pytest.mark.parametrize(
    ("ct", "labels", "message"),
    [
        (volume(np.float32), volume(np.uint8), "int16"),
        (volume(np.int16), volume(np.int16), "uint8"),
        (volume(np.int16), volume(np.uint8, (3, 4, 4)), "grid"),
    ],
)
def test_wrong_volumes_are_refused(ct, labels, message):
    with pytest.raises(ValueError, match=message):
        Anatomy("s", ct, labels, {}, {})
