"""Association studies of many simulated traits, on one panel of genotypes and on several."""

import os
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from gitools.association.ld import ld_matrix
from gitools.association.regression import genomic_control, marginal_regression
from gitools.simulate.genotypes import simulate_genotypes
from gitools.simulate.traits import genetic_values, simulate_effects, simulate_quantitative

_GENOME_WIDE = 5e-8


class TraitStudies(NamedTuple):
    """What many association studies found; one entry, or row, for each trait.

    Attributes
    ----------
    inflation : float array of shape (n_traits,)
        Sum of squares of R b over that of b.
    noise : float array of shape (n_traits,)
        Mean square of (estimate - R b) / standard error over variants.
    chosen_estimate, chosen_truth : float arrays of shape (n_traits,)
        Sums of absolute estimates and of absolute R b over variants with p < 5e-8.
    n_chosen, n_chosen_causal : int arrays of shape (n_traits,)
        Variants with p < 5e-8, and causal ones among them.
    lambda_gc : float array of shape (n_traits,)
        Genomic control's inflation factor.
    joint_error, zero_error, marginal_error : float arrays of shape (n_traits,)
        Root mean squared errors, over variants, of joint least squares, of zero and of the
        marginal estimates as estimates of b.
    """

    inflation: np.ndarray
    noise: np.ndarray
    chosen_estimate: np.ndarray
    chosen_truth: np.ndarray
    n_chosen: np.ndarray
    n_chosen_causal: np.ndarray
    lambda_gc: np.ndarray
    joint_error: np.ndarray
    zero_error: np.ndarray
    marginal_error: np.ndarray


def study_traits(
    dosages, blocks, ld, n_traits, causal_fraction, h2, *, random_state=None
) -> TraitStudies:
    """Simulate traits on given genotypes and run a marginal association study of each.

    Parameters
    ----------
    dosages : int array of shape (n, p)
        Genotypes, no column constant.
    blocks : int array of shape (p,)
        Block of each variant, 0 to n_blocks - 1; variants of different blocks are independent.
    ld : list of float arrays
        LD matrix of each block.
    n_traits : int
        Number of traits, the unit of replication.
    causal_fraction, h2 : float
        See `gitools.simulate.simulate_effects`; standardised effects do not depend on frequency.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    TraitStudies

    Raises
    ------
    ValueError
        If `n_traits` is below 1, or the simulation refuses an argument.
    """
    if not isinstance(n_traits, int | np.integer) or n_traits < 1:
        raise ValueError(f"n_traits: got {n_traits!r}, expected an integer of at least 1")
    rng = np.random.default_rng(random_state)
    members = [np.flatnonzero(blocks == k) for k in range(len(ld))]
    inverses = [np.linalg.pinv(R, rcond=1e-6, hermitian=True) for R in ld]
    frequencies, sd = dosages.mean(axis=0) / 2, dosages.std(axis=0)
    rows = []
    for _ in range(n_traits):
        b = simulate_effects(frequencies, causal_fraction, h2, dosages=dosages, random_state=rng)
        trait = simulate_quantitative(genetic_values(dosages, b), random_state=rng)
        study = marginal_regression(dosages, trait)
        estimate, se = study.beta * sd, study.se * sd
        expected, joint = np.empty_like(b), np.empty_like(b)
        for at, R, inverse in zip(members, ld, inverses, strict=True):
            expected[at] = R @ b[at]
            joint[at] = inverse @ estimate[at]
        chosen = study.p < _GENOME_WIDE
        rows.append(
            (
                np.sum(expected**2) / np.sum(b**2),
                np.mean(((estimate - expected) / se) ** 2),
                np.abs(estimate[chosen]).sum(),
                np.abs(expected[chosen]).sum(),
                chosen.sum(),
                np.sum(chosen & (b != 0)),
                genomic_control(study.z).inflation,
                np.sqrt(np.mean((joint - b) ** 2)),
                np.sqrt(np.mean(b**2)),
                np.sqrt(np.mean((estimate - b) ** 2)),
            )
        )
    return TraitStudies(*(np.array(column) for column in zip(*rows, strict=True)))


def replicate_estimates(dosages, b, n_replicates, *, random_state=None) -> np.ndarray:
    """Marginal estimates for new traits of the same people, all with the same effects.

    Parameters
    ----------
    dosages : int array of shape (n, p)
        Genotypes, no column constant.
    b : float array of shape (p,)
        Joint standardised effects, explaining less than 1.
    n_replicates : int
        Number of traits.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    float array of shape (n_replicates, p)
        Standardised by the dosages' standard deviations; the trait's variance is 1 in expectation.
    """
    rng = np.random.default_rng(random_state)
    genetic, sd = genetic_values(dosages, b), dosages.std(axis=0)
    traits = (simulate_quantitative(genetic, random_state=rng) for _ in range(n_replicates))
    return np.array([marginal_regression(dosages, trait).beta * sd for trait in traits])


class PanelStudies(NamedTuple):
    """What studies on several panels found; one entry for each panel, a mean over its traits.

    Attributes
    ----------
    ld_score : float array of shape (n_panels,)
        Mean LD score, the variant itself counted.
    inflation, lambda_gc : float arrays of shape (n_panels,)
        As in `TraitStudies`.
    curse : float array of shape (n_panels,)
        Sum of chosen estimates over that of their expectations, over the panel's traits.
    joint_ratio : float array of shape (n_panels,)
        Error of joint least squares over that of zero.
    """

    ld_score: np.ndarray
    inflation: np.ndarray
    lambda_gc: np.ndarray
    curse: np.ndarray
    joint_ratio: np.ndarray


def study_panels(
    n_panels, n_traits, causal_fraction, h2, *, n_people, n_variants, n_blocks, random_state=None
) -> PanelStudies:
    """Simulate panels of genotypes and study several traits on each.

    Parameters
    ----------
    n_panels : int
        Number of panels, the unit of replication.
    n_traits : int
        Traits on each.
    causal_fraction, h2 : float
        As in `study_traits`.
    n_people, n_variants, n_blocks : int
        Size of a panel; a block is a million base pairs long.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness; every panel has a stream of its own.

    Returns
    -------
    PanelStudies

    Raises
    ------
    ValueError
        If a number is below 1, or the simulation refuses an argument.
    """
    if not isinstance(n_panels, int | np.integer) or n_panels < 1:
        raise ValueError(f"n_panels: got {n_panels!r}, expected an integer of at least 1")
    streams = np.random.default_rng(random_state).spawn(n_panels)
    rows = []
    for rng in tqdm(streams, desc="panels", disable=bool(os.environ.get("GITOOLS_QUIET"))):
        length = 1e6 * n_blocks
        panel = simulate_genotypes(
            n_people, n_variants, n_blocks=n_blocks, sequence_length=length, random_state=rng
        )
        ld = [ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(n_blocks)]
        found = study_traits(
            panel.dosages, panel.blocks, ld, n_traits, causal_fraction, h2, random_state=rng
        )
        rows.append(
            (
                sum(np.sum(R**2) for R in ld) / len(panel.blocks),
                found.inflation.mean(),
                found.lambda_gc.mean(),
                found.chosen_estimate.sum() / found.chosen_truth.sum(),
                np.mean(found.joint_error / found.zero_error),
            )
        )
    return PanelStudies(*(np.array(column) for column in zip(*rows, strict=True)))
