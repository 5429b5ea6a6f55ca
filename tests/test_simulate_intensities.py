"""Simulated signal ratios: the mixture that they promise to be, and refused arguments."""

import numpy as np
import pytest

from gitools.simulate import dosage_means, simulate_intensities


def test_means_are_even_without_bias():
    np.testing.assert_allclose(dosage_means(4, background=0.1), [0.1, 0.3, 0.5, 0.7, 0.9])


def test_a_brighter_allele_moves_only_the_heterozygotes_up():
    plain, biased = dosage_means(4), dosage_means(4, bias=2.0)
    assert np.all(biased[1:-1] > plain[1:-1])
    np.testing.assert_allclose(biased[[0, -1]], plain[[0, -1]])


def test_moments_follow_the_model():
    ratio, dosage = simulate_intensities(200_000, 4, 0.3, sd=0.02, random_state=1)
    assert abs(dosage.mean() - 4 * 0.3) < 5 * np.sqrt(4 * 0.3 * 0.7 / 200_000)
    for k, mean in enumerate(dosage_means(4)[:4]):
        values = ratio[dosage == k]
        assert abs(values.mean() - mean) < 5 * 0.02 / np.sqrt(values.size)
        assert abs(values.std() / 0.02 - 1) < 5 / np.sqrt(2 * values.size)


def test_standard_deviation_may_differ_between_classes():
    sd = np.array([0.001, 0.02, 0.04])
    ratio, dosage = simulate_intensities(30_000, 2, 0.5, sd=sd, random_state=2)
    measured = [ratio[dosage == k].std() for k in range(3)]
    np.testing.assert_allclose(measured, sd, rtol=0.05)


def test_one_seed_gives_one_data_set():
    first, second = (simulate_intensities(50, random_state=3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"n": 0}, "n: got 0"),
        ({"n": 10.5}, "n: got 10.5"),
        ({"ploidy": 0}, "ploidy: got 0"),
        ({"frequency": 1.2}, "frequency: got 1.2"),
        ({"frequency": float("nan")}, "frequency: got nan"),
        ({"sd": 0.0}, "sd: got"),
        ({"sd": [0.1, 0.1]}, "sd: got"),
        ({"sd": float("nan")}, "sd: got"),
        ({"bias": -1.0}, "bias: got -1.0"),
        ({"background": 0.5}, "background: got 0.5"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        simulate_intensities(**{"n": 10} | arguments)
