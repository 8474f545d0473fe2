import numpy as np
import pytest

from synthex.core import ConfigError
from synthex.physics.attenuation import mass_attenuation
from synthex.physics.detector import (
    GAUSSIAN_FROM_QUANTA,
    dead_pixels,
    electronic_noise,
    energy_integrating_response,
    focal_spot_blur,
    lagged,
    open_variance_factor,
    quanta_per_pixel,
    quantum_efficiency,
    quantum_noise,
    read_out,
    scintillator_blur,
    scintillator_mtf,
)
from synthex.physics.spectrum import tungsten_spectrum
from synthex.physics.transmission import transmit


def flat(level: float, shape: tuple[int, int] = (300, 320)) -> np.ndarray:
    return np.full(shape, level, dtype=np.float32)


def wave(pixels: int, order: int) -> np.ndarray:
    """A cosine that the mirrored image continues smoothly, along columns: order / (2 pixels) per pixel."""
    return np.cos(np.pi * order * (np.arange(pixels) + 0.5) / pixels).astype(np.float32)


def test_efficiency_of_a_csi_panel():
    """0.6 mm, 75 % packing; mu/rho from the table of the physics brief (xraydb 4.5.8)."""
    mass = np.array((9.0466, 22.9696, 7.9212, 3.6771, 2.0354, 1.2687))
    want = (0.84, 0.99, 0.80, 0.53, 0.34, 0.23)
    np.testing.assert_allclose(quantum_efficiency(mass), want, atol=0.005)
    energies = np.array((30.0, 40.0, 60.0, 80.0, 100.0, 120.0))
    np.testing.assert_allclose(quantum_efficiency(mass_attenuation("csi", energies)), want, atol=0.006)


def test_toy_spectrum_varies_as_its_second_moment():
    energies, fluence = np.array((40.0, 60.0, 80.0)), np.array((0.3, 0.5, 0.2))
    weights, squared = energy_integrating_response(energies, np.ones(3))
    assert open_variance_factor(fluence, weights, squared) == pytest.approx(1.0583, abs=1e-4)
    _, swank = energy_integrating_response(energies, np.ones(3), swank=0.8)
    assert open_variance_factor(fluence, weights, swank) == pytest.approx(1.0583 / 0.8, abs=1e-4)
    half = energy_integrating_response(energies, np.full(3, 0.5))
    assert open_variance_factor(fluence, *half) == pytest.approx(2 * 1.0583, abs=2e-4)


def test_toy_spectrum_statistics_against_an_explicit_draw():
    """1000 photons a pixel, drawn energy by energy: mean 58 000 keV, variance 3.560e6; ours has the same two."""
    rng = np.random.default_rng(3)
    energies, fluence = np.array((40.0, 60.0, 80.0)), np.array((0.3, 0.5, 0.2))
    counts = rng.poisson(1000 * fluence, (200_000, 3))
    explicit = counts @ energies
    factor = open_variance_factor(fluence, *energy_integrating_response(energies, np.ones(3)))
    got = 58_000 * quantum_noise(flat(1, (400, 500)), 1000, rng, flat(factor, (400, 500)))
    for sample in (explicit, got):
        assert sample.mean() == pytest.approx(58_000, rel=3e-4)
        assert sample.var() == pytest.approx(3.560e6, rel=0.015)


@pytest.mark.parametrize(("kvp", "aluminium_mm", "ratio"), [(60, 3.5, 1.0586), (90, 4.0, 1.0931), (120, 4.3, 1.1193)])
def test_real_spectra_vary_more_than_counts(kvp, aluminium_mm, ratio):
    spectrum = tungsten_spectrum(kvp, {"aluminium": aluminium_mm})
    response = energy_integrating_response(spectrum.energies_kev, np.ones_like(spectrum.energies_kev))
    assert open_variance_factor(spectrum.fluence, *response) == pytest.approx(ratio, rel=0.003)


def test_the_open_fields_factor_is_that_of_the_transmission():
    spectrum = tungsten_spectrum(90, {"aluminium": 4.0})
    efficiency = quantum_efficiency(mass_attenuation("csi", spectrum.energies_kev))
    response = energy_integrating_response(spectrum.energies_kev, efficiency, swank=0.9)
    got = transmit(np.zeros((1, 2, 2), np.float32), ["water"], spectrum, *response)
    np.testing.assert_allclose(got.variance_factor, open_variance_factor(spectrum.fluence, *response), rtol=1e-4)


@pytest.mark.parametrize(
    ("fluence", "pixel_mm", "sdd_mm", "quanta"),
    [
        (1.537e6, 0.194, 1020, 5.6e4),  # C-arm, 90 kV / 4 mm Al
        (1.537e6, 0.139, 1830, 8.9e3),  # chest PA, 90 kV / 4
        (2.832e6, 0.139, 1830, 1.6e4),  # chest PA, 120 kV / 4.3
        (1.537e6, 0.139, 1000, 3.0e4),  # chest AP, 90 kV / 4
    ],
)
def test_quanta_per_pixel_and_mas(fluence, pixel_mm, sdd_mm, quanta):
    assert quanta_per_pixel(fluence, 1, pixel_mm, sdd_mm) == pytest.approx(quanta, rel=0.03)
    assert quanta_per_pixel(fluence, 2.5, pixel_mm, sdd_mm) == pytest.approx(2.5 * quanta, rel=0.03)


def test_quanta_per_pixel_from_our_spectrum_and_the_inverse_square():
    fluence = tungsten_spectrum(90, {"aluminium": 4.0}).total()
    assert quanta_per_pixel(fluence, 1, 0.194, 1020) == pytest.approx(5.6e4, rel=0.03)
    ratio = quanta_per_pixel(fluence, 1, 0.2, 1830) / quanta_per_pixel(fluence, 1, 0.2, 1000)
    assert ratio == pytest.approx(0.298606, abs=1e-6)


@pytest.mark.parametrize("expected", [0.4, 6.0, 162.8549, 199.0, 201.0, 5e4])
def test_photons_vary_as_their_mean(expected):
    photons = 10_000.0
    image = quantum_noise(flat(expected / photons), photons, np.random.default_rng(1)) * photons
    count = image.size
    assert image.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / count))
    # The variance of a Poisson sample's variance is (2 + 1 / mean) mean^2 / n.
    assert image.var() == pytest.approx(expected, abs=5 * expected * np.sqrt((2 + 1 / expected) / count))


def test_few_quanta_are_counted_exactly():
    photons = 1000.0
    image = quantum_noise(flat(3 / photons), photons, np.random.default_rng(1)) * photons
    np.testing.assert_allclose(image, np.rint(image), atol=1e-4)
    assert (np.rint(image) == 0).mean() == pytest.approx(np.exp(-3), rel=0.05)
    skewness = (((image - image.mean()) / image.std()) ** 3).mean()
    assert skewness == pytest.approx(1 / np.sqrt(3), rel=0.05)


def test_gaussian_draws_take_over_where_they_are_alike():
    just_above = quantum_noise(flat(1), 1.05 * GAUSSIAN_FROM_QUANTA, np.random.default_rng(1))
    assert just_above.min() > 0
    assert abs((((just_above - just_above.mean()) / just_above.std()) ** 3).mean()) < 0.05


def test_noise_depends_on_the_generator_alone():
    image = np.geomspace(1e-4, 1, 400, dtype=np.float32).reshape(20, 20)
    first, again, other = (quantum_noise(image, 1e4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_no_signal_no_quanta():
    signal = flat(0, (8, 8))
    signal[0] = -1
    np.testing.assert_array_equal(quantum_noise(signal, 1e4, np.random.default_rng(0)), 0)
    np.testing.assert_array_equal(quantum_noise(signal, 1e4, np.random.default_rng(0), flat(0, (8, 8))), 0)


def test_variance_where_the_beam_is_hardened():
    """Variance follows the transmission's factor, pixel by pixel, and the mean stays."""
    spectrum = tungsten_spectrum(90, {"aluminium": 4.0}).grouped(24)
    area = np.repeat(np.array((0.0, 10.0, 20.0), np.float32), 40_000)[None, None]
    beam = transmit(area, ["water"], spectrum)
    image = quantum_noise(beam.signal, 2e4, np.random.default_rng(4), beam.variance_factor).reshape(3, -1)
    np.testing.assert_allclose(image.mean(axis=1), beam.signal.reshape(3, -1)[:, 0], rtol=2e-3)
    np.testing.assert_allclose(image.var(axis=1), beam.variance_factor.reshape(3, -1)[:, 0] / 2e4, rtol=0.03)


def test_scintillator_transfer_at_one_and_two_line_pairs():
    for h_mm2, one, two in ((0.4, 0.714, 0.385), (0.6, 0.625, 0.294), (1.0, 0.5, 0.2)):
        np.testing.assert_allclose(scintillator_mtf(np.array((0.0, 1.0, 2.0)), h_mm2), (1, one, two), atol=6e-4)


@pytest.mark.parametrize("order", [0, 40, 80])
def test_a_wave_comes_out_by_the_transfer(order):
    """200 pixels of 0.1 mm: order 40 is 1 and order 80 is 2 line pairs per mm; along rows as along columns."""
    image = np.broadcast_to(wave(200, order), (64, 200)).copy()
    gain = 1 / (1 + 0.6 * (order / 40) ** 2)
    np.testing.assert_allclose(scintillator_blur(image, 0.1, 0.6), gain * image, atol=2e-6)
    np.testing.assert_allclose(scintillator_blur(image.T.copy(), 0.1, 0.6), gain * image.T, atol=2e-6)
    slanted = wave(200, order)[:, None] * wave(200, order)
    gain = 1 / (1 + 0.6 * 2 * (order / 40) ** 2)
    np.testing.assert_allclose(scintillator_blur(slanted, 0.1, 0.6), gain * slanted, atol=2e-6)


def test_focal_spot_and_pixel_transfer():
    image = np.broadcast_to(wave(200, 40), (64, 200)).copy()
    gain = np.sinc(0.6 * 0.9 * 1.0) * np.sinc(0.1 * 1.0)
    np.testing.assert_allclose(focal_spot_blur(image, 0.1, 0.6, 1.9), gain * image, atol=2e-6)
    np.testing.assert_allclose(focal_spot_blur(image, 0.1, 0.6, 1.0), np.sinc(0.1) * image, atol=2e-6)


def test_a_focal_spot_smears_an_edge_over_its_own_image():
    """An edge becomes a ramp as wide as a (M - 1): 1.2 mm."""
    image = np.ones((8, 400), np.float32)
    image[:, 200:] = 0
    ramp = focal_spot_blur(image, 0.05, 1.2, 2.0)[4]
    x_mm = (np.arange(400) + 0.5) * 0.05 - 10
    np.testing.assert_allclose(ramp, np.clip(0.5 - x_mm / 1.2, 0, 1), atol=0.03)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (33, 50)])
def test_blurs_keep_a_constant_at_any_size(shape):
    np.testing.assert_allclose(scintillator_blur(flat(0.3, shape), 0.2), 0.3, rtol=1e-5)
    np.testing.assert_allclose(focal_spot_blur(flat(0.3, shape), 0.2, 0.6, 1.9), 0.3, rtol=1e-5)


def test_a_scintillator_correlates_the_noise_as_its_kernel_says():
    """White noise of variance v has sum(k^2) v afterwards, and the power spectrum is the squared transfer."""
    pixel_mm, photons = 0.194, 1e4
    noise = quantum_noise(flat(1, (512, 512)), photons, np.random.default_rng(7)) - 1
    blurred = scintillator_blur(noise, pixel_mm)
    impulse = np.zeros((255, 255), np.float32)
    impulse[127, 127] = 1
    kernel = scintillator_blur(impulse, pixel_mm)
    assert kernel.sum() == pytest.approx(1, rel=1e-4)
    share = (kernel.astype(float) ** 2).sum()
    assert 0.1 < share < 0.6
    inside = blurred[16:-16, 16:-16]  # the mirrored border correlates noise with itself
    assert inside.var() * photons == pytest.approx(share, rel=0.02)
    power = np.abs(np.fft.fft2(blurred)) ** 2 / blurred.size * photons
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(512, pixel_mm), np.fft.fftfreq(512, pixel_mm)))
    for low, high in ((0.2, 0.5), (0.9, 1.1), (1.9, 2.1)):
        band = (frequency > low) & (frequency < high)
        want = (scintillator_mtf(frequency[band], 0.6) ** 2).mean()
        assert power[band].mean() == pytest.approx(want, rel=5 / np.sqrt(band.sum() / 2))


def test_electronic_noise_is_white_and_as_strong_as_asked():
    signal = flat(0.2)
    noise = electronic_noise(signal, 3.0, 500.0, np.random.default_rng(2)) - signal
    assert noise.std() * 500 == pytest.approx(3, rel=0.01)
    assert abs(noise.mean()) * 500 < 5 * 3 / np.sqrt(noise.size)
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < 5 * noise.var() / np.sqrt(noise.size)
    assert electronic_noise(signal, 0, 500.0, np.random.default_rng(2)) is signal


def test_read_out_levels_and_saturation():
    ramp = np.linspace(-0.5, 2, 5001, dtype=np.float32)[None]
    image = read_out(ramp, 1.5, 3)
    np.testing.assert_allclose(np.unique(image), 1.5 * np.arange(8) / 7, atol=1e-6)
    inside = (ramp > 0) & (ramp < 1.5)
    assert np.abs(image - ramp)[inside].max() <= 1.5 / 7 / 2 + 1e-6
    assert (image[ramp >= 1.5] == np.float32(1.5)).all()
    assert (image[ramp <= 0] == 0).all()


def test_quantisation_adds_a_twelfth_of_a_squared_step():
    signal = np.random.default_rng(0).uniform(0.1, 0.9, (300, 300)).astype(np.float32)
    error = read_out(signal, 1.0, 8) - signal
    assert error.var() == pytest.approx((1 / 255) ** 2 / 12, rel=0.02)


def test_more_bits_lose_less_and_16_bits_are_representable():
    signal = np.random.default_rng(0).uniform(0, 1, (64, 64)).astype(np.float32)
    codes = read_out(signal, 1.0, 16) * 65535
    np.testing.assert_allclose(codes, np.rint(codes), atol=0.01)
    assert np.abs(read_out(signal, 1.0, 16) - signal).max() < 1e-5


def test_lag_decays_geometrically():
    frame, dark = flat(1, (4, 4)), flat(0, (4, 4))
    after = lagged(dark, frame, 0.03)
    np.testing.assert_allclose(after, 0.03)
    np.testing.assert_allclose(lagged(dark, after, 0.03), 0.0009, rtol=1e-5)
    np.testing.assert_allclose(lagged(frame, frame, 0.03), 1, rtol=1e-6)


def test_dead_pixels_are_as_many_as_asked():
    image = dead_pixels(flat(1, (100, 100)), 0.001, np.random.default_rng(0))
    assert (image == 0).sum() == 10
    assert (image == 1).sum() == 9990


def test_inputs_stay_as_they_were():
    signal = flat(0.5, (16, 16))
    signal.setflags(write=False)
    rng = np.random.default_rng(0)
    quantum_noise(signal, 100, rng, signal)
    scintillator_blur(signal, 0.2)
    focal_spot_blur(signal, 0.2, 0.6, 1.5)
    electronic_noise(signal, 1.0, 100, rng)
    read_out(signal, 1.0, 12)
    dead_pixels(signal, 0.1, rng)
    lagged(signal, signal, 0.1)


def test_scalars_of_numpy_do_not_widen_the_image():
    """A level draws its numbers; float64 scalars must not turn float32 images into float64."""
    signal, number = flat(0.5, (16, 16)), np.float64
    rng = np.random.default_rng(0)
    assert scintillator_blur(signal, number(0.2), number(0.5)).dtype == np.float32
    assert focal_spot_blur(signal, number(0.2), number(0.6), number(1.5)).dtype == np.float32
    assert quantum_noise(signal, number(100), rng, signal).dtype == np.float32
    assert electronic_noise(signal, number(1.0), number(100), rng).dtype == np.float32
    assert lagged(signal, signal, number(0.1)).dtype == np.float32
    assert read_out(signal, number(1.0), 12).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda image, rng: quantum_efficiency(np.ones(2), packing=1.2), "packing"),
        (lambda image, rng: energy_integrating_response(np.ones(2), np.ones(2), swank=0), "Swank"),
        (lambda image, rng: quanta_per_pixel(1e6, 0, 0.2, 1000), "mas"),
        (lambda image, rng: quantum_noise(image, 0, rng), "photons_open"),
        (lambda image, rng: quantum_noise(image, 10, rng, -image), "variance"),
        (lambda image, rng: scintillator_blur(image, 0.2, -1), "h_mm2"),
        (lambda image, rng: focal_spot_blur(image, 0.2, 0.6, 0.9), "magnification"),
        (lambda image, rng: electronic_noise(image, -1, 100, rng), "quanta_rms"),
        (lambda image, rng: lagged(image, image, 1.5), "lag"),
        (lambda image, rng: dead_pixels(image, -0.1, rng), "dead"),
        (lambda image, rng: read_out(image, 0, 12), "saturation"),
        (lambda image, rng: read_out(image, 1, 32), "bits"),
    ],
)
def test_bad_numbers_are_refused(call, message):
    with pytest.raises(ConfigError, match=message) as caught:
        call(flat(1, (4, 4)), np.random.default_rng(0))
    assert "\n" not in str(caught.value)
