import numpy as np
import pytest

from synthex.core import ConfigError
from synthex.physics.scatter import Grid, ScatterKernel, scatter, through_grid
from synthex.physics.smoothing import gaussian_smooth

PIXEL_MM = 1.5


def slab(tau: float, shape: tuple[int, int] = (96, 120)) -> np.ndarray:
    return np.full(shape, np.exp(-tau), dtype=np.float32)


# Monte Carlo of water slabs (tools/fit_scatter_kernel.py): tau, SPR of a wide field, and of one of 169 mm radius
# (as large as 300 x 300 mm) with gaps of 50, 100 and 200 mm.
MONTE_CARLO = {
    60: [
        (1.421, 0.701, (0.636, 0.534, 0.371)),
        (2.739, 1.579, (1.401, 1.173, 0.809)),
        (4.005, 2.722, (2.334, 1.945, 1.341)),
        (5.237, 4.191, (3.424, 2.849, 1.963)),
        (6.445, 6.031, (4.728, 3.884, 2.679)),
        (7.635, 8.297, (6.324, 5.189, 3.564)),
    ],
    90: [
        (1.193, 0.701, (0.620, 0.505, 0.331)),
        (2.324, 1.652, (1.405, 1.138, 0.745)),
        (3.419, 2.920, (2.365, 1.910, 1.243)),
        (4.491, 4.591, (3.512, 2.838, 1.852)),
        (5.544, 6.649, (4.790, 3.886, 2.548)),
        (6.584, 9.264, (6.256, 5.064, 3.341)),
    ],
    120: [
        (1.109, 0.711, (0.620, 0.499, 0.318)),
        (2.171, 1.725, (1.436, 1.151, 0.732)),
        (3.205, 3.084, (2.428, 1.942, 1.240)),
        (4.218, 4.905, (3.621, 2.893, 1.862)),
        (5.215, 7.245, (5.002, 4.019, 2.588)),
    ],
}


@pytest.mark.parametrize("kvp", MONTE_CARLO)
def test_ratios_are_those_of_the_monte_carlo(kvp):
    row, column = np.mgrid[:400, :400] - 199.5
    disk = (np.hypot(row, column) < 169).astype(np.float32)
    for number, (tau, wide_field, fields) in enumerate(MONTE_CARLO[kvp]):
        primary = slab(tau, (400, 400))
        assert ScatterKernel.for_beam(kvp, 50).slab_spr(primary)[0, 0] == pytest.approx(wide_field, rel=0.012)
        if number not in (1, 2, 3, 4):  # 10 to 25 cm, where the Gaussians were fitted
            continue
        for gap_mm, want, within in zip((50, 100, 200), fields, (0.13, 0.15, 0.19), strict=True):
            got = scatter(primary, 1.0, ScatterKernel.for_beam(kvp, gap_mm), disk)[200, 200] / primary[200, 200]
            assert got == pytest.approx(want, rel=within), (tau, gap_mm)


def test_a_larger_gap_leaves_less_scatter():
    primary = slab(4.5, (200, 200))
    centers = [
        scatter(primary, PIXEL_MM, ScatterKernel.for_beam(90, gap))[100, 100] for gap in (0, 50, 100, 200, 300, 400)
    ]
    assert centers == sorted(centers, reverse=True)
    assert centers[-1] < 0.4 * centers[0]


def test_defaults_are_those_of_a_usual_beam():
    assert ScatterKernel() == ScatterKernel.for_beam(90, 50)


@pytest.mark.parametrize(
    ("kernel", "tau", "spr"),
    [
        (ScatterKernel(amplitude=0.75, alpha=0), 1, 0.75),
        (ScatterKernel(amplitude=0.75, alpha=0), 4, 3.0),
        (ScatterKernel(amplitude=0.75, alpha=0), 8, 6.0),
        (ScatterKernel(amplitude=0.5, alpha=0.1, beta=1.2), 4, 0.5 * np.exp(-0.4) * 4**1.2),
        (ScatterKernel(amplitude=1.2, alpha=-0.2), 8, 10.0),  # 1.2 * exp(1.6) * 8 = 47.5, clamped
    ],
)
def test_a_uniform_slab_has_the_closed_forms_ratio(kernel, tau, spr):
    primary = slab(tau)
    np.testing.assert_allclose(kernel.slab_spr(primary), spr, rtol=1e-5)
    np.testing.assert_allclose(scatter(primary, PIXEL_MM, kernel, beyond=1) / primary, spr, rtol=1e-4)


def test_open_field_and_perfect_shadow_scatter_nothing():
    for primary in (np.ones((40, 40), np.float32), np.zeros((40, 40), np.float32)):
        np.testing.assert_array_equal(scatter(primary, PIXEL_MM, ScatterKernel(alpha=-0.1)), 0)
        np.testing.assert_array_equal(scatter(primary, PIXEL_MM, ScatterKernel(beta=0.9)), 0)


def test_scatter_is_smooth_positive_and_not_more_than_was_lost():
    """A sharp disk: no negative values, no edges, and primary plus scatter below what came in."""
    row, column = np.mgrid[:128, :128] - 63.5
    primary = np.where(np.hypot(row, column) < 40, np.exp(-4), 1).astype(np.float32)
    scattered = scatter(primary, PIXEL_MM, ScatterKernel())
    assert (scattered > 0).all()
    assert (primary + scattered).mean() < 1
    assert np.abs(np.diff(scattered, axis=1)).max() < 0.02 * scattered.max()
    assert scattered[64, 64] > 2 * scattered[1, 1]
    # A slab would give 3; the disk of 60 mm radius loses the wide Gaussian's tails.
    assert 1 < scattered[64, 64] / primary[64, 64] < 3


def test_a_point_spreads_as_two_gaussians():
    kernel = ScatterKernel(0.75, 0, narrow_mm=20, wide_mm=60, wide_fraction=0.4)
    size, pixel_mm = 201, 3.0
    primary = np.ones((size, size), np.float32)
    primary[99:102, 99:102] = np.exp(-2)
    got = scatter(primary, pixel_mm, kernel, beyond=0)
    source = 9 * np.exp(-2) * 0.75 * 2
    distance2 = (pixel_mm * (np.arange(size) - 100)) ** 2
    gaussians = [
        share * np.exp(-distance2 / (2 * sigma**2)) / (2 * np.pi * sigma**2) * pixel_mm**2
        for share, sigma in ((0.6, 20), (0.4, 60))
    ]
    np.testing.assert_allclose(got[100], source * sum(gaussians), rtol=0.05, atol=0.02 * got.max())
    assert got.sum() == pytest.approx(source, rel=1e-3)


def test_mediastinum_and_lungs_as_measured():
    """Niklason 1981: about 90 % of what reaches the mediastinum is scatter; with a grid < 50 % of contrast is left."""
    tau = np.full((430, 430), 1.6)
    tau[:, 155:275] = 4.2
    tau[330:] = 5.0
    tau[:, :40] = tau[:, -40:] = 0
    primary = np.exp(-tau).astype(np.float32)
    scattered = scatter(primary, 1.0, ScatterKernel())
    total = primary + scattered
    assert 0.83 < scattered[200, 215] / total[200, 215] < 0.93
    assert 0.5 < scattered[200, 100] / primary[200, 100] < 2
    direct, stray = through_grid(primary, scattered, Grid())
    assert 0.35 < direct[200, 215] / (direct + stray)[200, 215] < 0.55


def test_thick_pelvis_scatters_more_than_twice_its_primary():
    # 22 cm of water at 90 kV: energy transmission about 0.008.
    primary = slab(4.8, (200, 200))
    for beyond in (0.0, 1.0):
        ratio = scatter(primary, PIXEL_MM, ScatterKernel(), beyond=beyond)[100, 100] / primary[100, 100]
        assert 2 < ratio < 6


def test_behind_metal_there_is_scatter_of_the_surroundings_only():
    primary = slab(3.0, (160, 160))
    without = scatter(primary, PIXEL_MM, ScatterKernel())
    primary[78:82] = 0
    behind = scatter(primary, PIXEL_MM, ScatterKernel())
    assert (behind < without).all()
    assert behind[80, 80] > 0.8 * without[80, 80]


def test_no_beam_no_scatter():
    """Half the field closed: the border of the beam gets half of the slab's scatter."""
    primary = slab(3.0, (256, 256))
    incident = np.ones_like(primary)
    incident[:, 128:] = 0
    whole = scatter(primary, PIXEL_MM, ScatterKernel())
    half = scatter(primary, PIXEL_MM, ScatterKernel(), incident)
    np.testing.assert_allclose(half[:, 127:129].mean(), whole[:, 127:129].mean() / 2, rtol=0.01)
    np.testing.assert_array_equal(scatter(primary, PIXEL_MM, ScatterKernel(), np.zeros_like(primary)), 0)


def test_a_beam_that_ends_at_the_border_scatters_half_there_and_a_quarter_in_the_corner():
    primary = slab(2.0, (400, 400))
    kernel = ScatterKernel(0.75, 0, narrow_mm=30, wide_mm=30)
    got = scatter(primary, PIXEL_MM, kernel, beyond=0) / (primary * 1.5)
    assert got[200, 200] == pytest.approx(1, rel=1e-3)
    assert got[0, 200] == pytest.approx(0.5, rel=0.03)
    assert got[0, 0] == pytest.approx(0.25, rel=0.05)


def test_a_grid_divides_the_ratio():
    primary = slab(3.0)
    direct, stray = through_grid(primary, 9 * primary, Grid(0.65, 0.10))
    np.testing.assert_allclose(stray / direct, 9 * 0.10 / 0.65, rtol=1e-5)
    assert through_grid(primary, primary, None) == (primary, primary)


def test_inputs_stay_as_they_were():
    primary = slab(2.0)
    primary.setflags(write=False)
    scatter(primary, PIXEL_MM, ScatterKernel(alpha=0.1), primary)


@pytest.mark.parametrize("sigma_mm", [0.4, 2.0, 17.0, 300.0])
@pytest.mark.parametrize("beyond", [0.3, 1.0])
def test_smoothing_matches_dense_convolution(sigma_mm, beyond):
    """Against the sum over every pixel and its mirror images, one at a time."""
    rng = np.random.default_rng(5)
    image = rng.uniform(0.5, 1.5, (23, 31)).astype(np.float32)
    pixel_mm = 1.3
    got = gaussian_smooth(image, pixel_mm, sigma_mm, beyond)

    def dense(pixels: int) -> np.ndarray:
        reach = int(np.ceil(8 * sigma_mm / pixel_mm / pixels)) + 1
        fine = 8  # sub-pixels, for the integral over a pixel
        weights = np.zeros((pixels, pixels))
        sub = (np.arange(-reach * pixels * fine, (reach + 1) * pixels * fine) + 0.5) / fine
        source = np.floor(sub).astype(int) % (2 * pixels)
        source = np.where(source < pixels, source, 2 * pixels - 1 - source)
        strength = np.where((sub > 0) & (sub < pixels), 1.0, beyond) / fine
        for pixel in range(pixels):
            distance_mm = (sub - pixel - 0.5) * pixel_mm
            gaussian = np.exp(-0.5 * (distance_mm / sigma_mm) ** 2) / (sigma_mm * np.sqrt(2 * np.pi)) * pixel_mm
            np.add.at(weights[pixel], source, gaussian * strength)
        return weights

    want = dense(23) @ image @ dense(31).T
    np.testing.assert_allclose(got, want, rtol=0.004, atol=0.004)


def test_smoothing_keeps_a_constant():
    image = np.full((50, 33), 0.7, dtype=np.float32)
    for sigma_mm in (0.0, 0.1, 3.0, 40.0, 1000.0):
        np.testing.assert_allclose(gaussian_smooth(image, 1.0, sigma_mm), 0.7, rtol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amplitude": -1},
        {"beta": -0.1},
        {"max_spr": float("nan")},
        {"narrow_mm": 0},
        {"narrow_mm": 120},
        {"wide_fraction": 1.1},
        {"alpha": -1},
    ],
)
def test_bad_kernels_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ScatterKernel(**wrong)


def test_bad_grids_and_borders_are_refused():
    for wrong in ((0, 0.1), (1.1, 0.1), (0.5, -0.1), (0.5, 1.1)):
        with pytest.raises(ConfigError, match="transmissions"):
            Grid(*wrong)
    with pytest.raises(ConfigError, match="beyond"):
        scatter(slab(1.0), PIXEL_MM, ScatterKernel(), beyond=1.5)
    with pytest.raises(ConfigError, match="pixel_mm"):
        gaussian_smooth(slab(1.0), 0.0, 5.0)
