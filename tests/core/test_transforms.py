import numpy as np
import pytest

from synthex.core import Affine, Rigid


def random_rigid(seed: int) -> Rigid:
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return Rigid.from_parts(q * np.sign(np.linalg.det(q)), rng.normal(size=3) * 100)


def test_composition_reads_as_cancellation():
    c_from_b, b_from_a = random_rigid(0), random_rigid(1)
    points = np.random.default_rng(2).normal(size=(5, 3))
    np.testing.assert_allclose((c_from_b @ b_from_a).apply(points), c_from_b.apply(b_from_a.apply(points)))


def test_rigid_stays_rigid_only_among_rigids():
    rigid, stretch = random_rigid(0), Affine(np.diag((2.0, 1.0, 1.0, 1.0)))
    assert isinstance(rigid @ rigid, Rigid)
    assert isinstance(rigid.inverse(), Rigid)
    assert not isinstance(rigid @ stretch, Rigid)


def test_inverse_undoes():
    rigid = random_rigid(3)
    np.testing.assert_allclose((rigid.inverse() @ rigid).matrix, np.eye(4), atol=1e-12)


def test_vectors_are_not_translated():
    moved = Affine.from_parts(np.eye(3), (1, 2, 3))
    np.testing.assert_array_equal(moved.apply_vectors(np.ones((1, 3))), np.ones((1, 3)))
    np.testing.assert_array_equal(moved.apply(np.ones((1, 3))), ((2, 3, 4),))


def test_matrix_is_an_owned_read_only_copy():
    matrix = np.eye(4)
    affine = Affine(matrix)
    matrix[0, 3] = 5
    assert affine.matrix[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        affine.matrix[0, 3] = 1


@pytest.mark.parametrize(
    ("kind", "matrix", "message"),
    [
        (Affine, np.eye(3), "4 x 4"),
        (Affine, np.full((4, 4), np.nan), "finite"),
        (Affine, np.diag((1.0, 1.0, 0.0, 1.0)), "singular"),
        (Affine, np.diag((1.0, 1.0, 1.0, 2.0)), "last row"),
        (Rigid, np.diag((-1.0, 1.0, 1.0, 1.0)), "proper rotation"),
        (Rigid, np.diag((1.01, 1.0, 1.0, 1.0)), "proper rotation"),
    ],
)
def test_bad_matrices_are_refused(kind, matrix, message):
    with pytest.raises((ValueError, TypeError), match=message if matrix.shape == (4, 4) else None):
        kind(matrix)
