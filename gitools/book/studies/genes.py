"""Many null traits, many null genes and many pathways, for the chapter on genes."""

import os
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr
from scipy.stats import chi2, hypergeom, norm, t
from tqdm import tqdm

from gitools.association.gene_tests import acat, effective_tests
from gitools.association.ld import ld_matrix
from gitools.association.weighted_chi2 import weighted_chi2_sf


def null_traits(dosages, n_traits, *, random_state=None) -> np.ndarray:
    """Z scores of traits of pure noise.

    Parameters
    ----------
    dosages : int array of shape (n, p)
    n_traits : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    ndarray of shape (n_traits, p)
        sqrt(n) times the correlation of each variant with each trait.
    """
    rng = np.random.default_rng(random_state)
    X = dosages - dosages.mean(axis=0)
    X /= X.std(axis=0)
    traits = rng.standard_normal((len(X), n_traits))
    traits -= traits.mean(axis=0)
    traits /= traits.std(axis=0)
    return (X.T @ traits / np.sqrt(len(X))).T


def study_null_tests(z, genes, ld) -> dict[str, np.ndarray]:
    """P-values of every gene test on null z scores.

    Parameters
    ----------
    z : array of shape (n_traits, p)
        Null z scores.
    genes : list of int arrays
        Variants of each gene.
    ld : list of arrays
        LD matrix of each gene.

    Returns
    -------
    dict of str to ndarray of shape (n_traits, n_genes)
    """
    found = {}
    columns = tqdm(
        zip(genes, ld, strict=True), total=len(genes), disable=bool(os.environ.get("GITOOLS_QUIET"))
    )
    for gene, R in columns:
        inside = z[:, gene]
        squares, p = (inside**2).sum(axis=1), 2 * ndtr(-np.abs(inside))
        smallest, effective = p.min(axis=1), effective_tests(R)
        one = {
            "squares, LD ignored": chi2.sf(squares, len(gene)),
            "squares": weighted_chi2_sf(squares, np.maximum(np.linalg.eigvalsh(R), 0)),
            "smallest p, Bonferroni": np.minimum(len(gene) * smallest, 1),
            "smallest p, Li and Ji": -np.expm1(effective * np.log1p(-smallest)),
            "ACAT": acat(p),
            "burden": chi2.sf(inside.sum(axis=1) ** 2 / R.sum(), 1),
        }
        for name, values in one.items():
            found.setdefault(name, []).append(values)
    return {name: np.stack(values, axis=1) for name, values in found.items()}


def sums_of_squares(shrink, z, R, n, members=None) -> np.ndarray:
    """Sums of squared shrunken effects, one for each row of z.

    Parameters
    ----------
    shrink : callable
        ``shrink(beta, R, n)`` returns effects of shape (p,).
    z : array of shape (n_data_sets, p)
    R : array of shape (p, p)
    n : int
    members : int array, optional
        Variants that count; by default all.

    Returns
    -------
    ndarray of shape (n_data_sets,)
    """
    effects = np.array([shrink(row, R, n) for row in z / np.sqrt(n)])
    if members is not None:
        effects = effects[:, members]
    return (effects**2).sum(axis=1)


class PathwayStudy(NamedTuple):
    """P-values of pathway tests, one entry for each set of genes.

    Attributes
    ----------
    overlap, regression, with_size : dicts of str to ndarray
        By kind of set ("random", "large", "planted"): a hypergeometric test on the genes with
        p < 0.05; a competitive regression; the same with size among the covariates.
    """

    overlap: dict[str, np.ndarray]
    regression: dict[str, np.ndarray]
    with_size: dict[str, np.ndarray]


def study_pathways(
    spectra, signal, n_traits, n_sets, *, set_size=50, factor=3.0, random_state=None
) -> PathwayStudy:
    """Test sets of genes under polygenic traits, for sets with and without anything to find.

    Genes are independent; in the principal components of gene g the z scores have variance
    lambda (1 + s lambda), with s = ``signal`` the squared effect of a variant times n.

    Parameters
    ----------
    spectra : list of arrays
        Eigenvalues of each gene's LD.
    signal : float
        n times the variance of an effect.
    n_traits : int
    n_sets : int
        Random sets, and sets of large genes (of the largest fifth), for each trait; one planted.
    set_size : int
    factor : float
        The planted set's effects have so many times the variance.
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    PathwayStudy
    """
    rng = np.random.default_rng(random_state)
    order = np.argsort([len(values) for values in spectra])
    # By size, so that little is padded when many genes are tested at once.
    spectra = [np.asarray(spectra[k]) for k in order]
    sizes = np.array([len(values) for values in spectra], dtype=float)
    large = np.arange(int(0.8 * len(sizes)), len(sizes))
    results = ({}, {}, {})
    for _ in tqdm(range(n_traits), disable=bool(os.environ.get("GITOOLS_QUIET"))):
        planted = rng.choice(len(sizes), set_size, replace=False)
        strength = np.full(len(sizes), signal)
        strength[planted] *= factor
        p = _gene_p_values(spectra, strength, rng)
        sets = [("planted", planted)]
        for _ in range(n_sets):
            sets.append(("random", rng.choice(len(sizes), set_size, replace=False)))
            sets.append(("large", rng.choice(large, set_size, replace=False)))
        for kind, members in sets:
            tests = (
                overlap_p(p < 0.05, members),
                competitive_p(p, members),
                competitive_p(p, members, np.column_stack([sizes, np.log(sizes)])),
            )
            for result, value in zip(results, tests, strict=True):
                result.setdefault(kind, []).append(value)
    return PathwayStudy(*({kind: np.array(v) for kind, v in one.items()} for one in results))


def overlap_p(called, members) -> float:
    """Hypergeometric tail: as many called genes among the members, or more.

    Parameters
    ----------
    called : bool array of shape (n_genes,)
    members : int array
        Indices of the set's genes.

    Returns
    -------
    float
    """
    inside = called[members].sum()
    return float(hypergeom.sf(inside - 1, len(called), called.sum(), len(members)))


def competitive_p(p, members, covariates=None) -> float:
    """One-sided test of membership in a regression of normal scores of gene p-values.

    Parameters
    ----------
    p : array of shape (n_genes,)
        Gene p-values.
    members : int array
        Indices of the set's genes.
    covariates : array of shape (n_genes, c), optional

    Returns
    -------
    float
    """
    score = norm.isf(np.clip(p, 1e-300, 1 - 1e-15))
    member = np.zeros(len(p))
    member[members] = 1
    parts = [np.ones(len(p)), member] + ([] if covariates is None else list(covariates.T))
    design = np.column_stack(parts)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ (design.T @ score)
    df = len(p) - design.shape[1]
    variance = np.sum((score - design @ coefficients) ** 2) / df
    return float(t.sf(coefficients[1] / np.sqrt(variance * inverse[1, 1]), df))


def _gene_p_values(spectra, strength, rng, n_at_once=50):
    p = np.empty(len(spectra))
    for start in range(0, len(spectra), n_at_once):
        part = slice(start, start + n_at_once)
        scales = [s * (1 + g * s) for s, g in zip(spectra[part], strength[part], strict=True)]
        q = [scale @ rng.chisquare(1, len(scale)) for scale in scales]
        p[part] = weighted_chi2_sf(q, spectra[part])
    return p


def rates_with_intervals(p, level, n_boots=2000, *, random_state=None):
    """Rejection rate and its bootstrap interval over traits.

    Parameters
    ----------
    p : array of shape (n_traits, n_genes)
        P-values; genes of one trait are correlated, traits are not.
    level : float
    n_boots : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    rate, low, high : float
        Mean and 95 per cent interval.
    """
    rng = np.random.default_rng(random_state)
    rates = (p < level).mean(axis=1)
    boots = rates[rng.integers(len(rates), size=(n_boots, len(rates)))].mean(axis=1)
    low, high = np.quantile(boots, [0.025, 0.975])
    return float(rates.mean()), float(low), float(high)


def thresholds(tail, spectra, p) -> np.ndarray:
    """Where each gene's tail probability is p, by bisection.

    Parameters
    ----------
    tail : callable
        ``tail(q, spectra)`` for thresholds (n_genes,).
    spectra : list of arrays
        Eigenvalues of each gene's LD; sums below 10,000 are looked through.
    p : float

    Returns
    -------
    ndarray of shape (n_genes,)
    """
    low, high = np.zeros(len(spectra)), np.full(len(spectra), 1e4)
    for _ in range(60):
        middle = (low + high) / 2
        above = tail(middle, spectra) > p
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def squares_by_panel(z, dosages, genes) -> np.ndarray:
    """P-values of sums of squares with the LD of given people.

    Parameters
    ----------
    z : array of shape (n_traits, p)
    dosages : int array of shape (n_people, p)
        The people from whom LD is taken.
    genes : list of int arrays

    Returns
    -------
    ndarray of shape (n_traits, n_genes)
    """
    p = []
    for gene in genes:
        weights = np.maximum(np.linalg.eigvalsh(ld_matrix(dosages[:, gene])), 0)
        p.append(weighted_chi2_sf((z[:, gene] ** 2).sum(axis=1), weights))
    return np.stack(p, axis=1)


def read_power(path) -> pd.DataFrame:
    """Powers from the table of benchmarks/gene_power.py.

    Parameters
    ----------
    path : path

    Returns
    -------
    DataFrame
        A row a gene, a column for each pair (test, architecture).
    """
    table = pd.read_csv(path)
    table["power"] = table.rejections / table.data_sets
    return table.pivot(index="gene", columns=["test", "architecture"], values="power")


def rejection_rates(table) -> pd.Series:
    """Rates over genes from the table of benchmarks/gene_shrunken.py.

    Parameters
    ----------
    table : DataFrame
        Rows of one of its studies.

    Returns
    -------
    Series
        Rejections over tests by (shrinker, null, level).
    """
    sums = table.groupby(["shrinker", "null", "level"])[["rejections", "tests"]].sum()
    return sums.rejections / sums.tests


def paired_difference(power, first, second) -> tuple[float, float]:
    """Mean difference of two columns over genes, and two standard errors.

    Parameters
    ----------
    power : DataFrame
        See `read_power`.
    first, second : pairs (test, architecture)

    Returns
    -------
    difference, error : float
    """
    gap = power[first] - power[second]
    return gap.mean(), 2 * gap.std(ddof=1) / np.sqrt(len(gap))


def power_with_intervals(power, tests, architectures, n_boots=2000, *, random_state=None):
    """Powers and bootstrap intervals over genes.

    Parameters
    ----------
    power : DataFrame
        See `read_power`.
    tests, architectures : lists of str
    n_boots : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    mean, low, high : arrays of shape (n_tests, n_architectures)
    """
    rng = np.random.default_rng(random_state)
    values = np.stack([power[test][architectures].to_numpy() for test in tests], axis=1)
    boots = values[rng.integers(len(values), size=(n_boots, len(values)))].mean(axis=1)
    low, high = np.quantile(boots, [0.025, 0.975], axis=0)
    return values.mean(axis=0), low, high
