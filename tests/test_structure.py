"""Principal components, pruning, families and FST against plain linear algebra and known truth."""

import numpy as np
import pytest

from gitools.structure import components as structure
from gitools.structure import hudson_fst, ld_prune, near_identical, principal_components


def draw(rng, n=60, p=200, ploidy=2):
    return rng.binomial(ploidy, rng.uniform(0.1, 0.9, p), (n, p)).astype(np.int8)


def standardise(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def same_up_to_sign(a, b, atol):
    signs = np.sign((a * b).sum(axis=0))
    np.testing.assert_allclose(a * signs, b, atol=atol)


@pytest.fixture
def rng():
    return np.random.default_rng(15)


@pytest.mark.parametrize("shape", [(60, 200), (200, 60), (500, 900)])
@pytest.mark.parametrize("method", ["exact", "randomized"])
@pytest.mark.parametrize("chunk", [1_000, 2**22])
def test_components_equal_a_singular_value_decomposition(rng, shape, method, chunk, monkeypatch):
    monkeypatch.setattr(structure, "_CHUNK_ENTRIES", chunk)
    X = draw(rng, *shape)
    fifth = shape[1] // 5
    X[: len(X) // 2, :fifth] = rng.binomial(2, 0.05, (len(X) // 2, fifth))
    X[::2, -fifth // 2 :] = rng.binomial(2, 0.05, X[::2, -fifth // 2 :].shape)
    X[:, 7] = 1
    kept = np.delete(np.arange(shape[1]), 7)
    U, S, Vt = np.linalg.svd(standardise(X[:, kept]), full_matrices=False)
    found = principal_components(X, 2, method=method, random_state=0)
    loose = 25 if method == "randomized" else 1
    same_up_to_sign(found.scores, (U * S)[:, :2], atol=2e-3 * loose)
    same_up_to_sign(found.loadings[kept], Vt[:2].T, atol=2e-4 * loose)
    np.testing.assert_allclose(found.eigenvalues, S[:2] ** 2 / len(kept), rtol=1e-5)
    np.testing.assert_allclose(found.shares, S[:2] ** 2 / (S**2).sum(), rtol=1e-5)
    assert not found.kept[7]
    assert found.kept.sum() == len(kept)
    assert (found.loadings[7] == 0).all()


def test_binomial_scale_is_that_of_hardy_weinberg(rng):
    X = draw(rng)
    f = X.mean(axis=0) / 2
    Z = (X - 2 * f) / np.sqrt(2 * f * (1 - f))
    S = np.linalg.svd(Z, compute_uv=False)
    found = principal_components(X, 3, scale="binomial")
    np.testing.assert_allclose(found.eigenvalues, S[:3] ** 2 / 200, rtol=1e-5)
    np.testing.assert_allclose(found.shares, S[:3] ** 2 / (S**2).sum(), rtol=1e-5)


def test_all_components_of_noise_have_mean_eigenvalue_one(rng):
    X = draw(rng, 40, 3000)
    found = principal_components(X, 39)
    assert found.eigenvalues.sum() / 40 == pytest.approx(1, abs=1e-4)
    assert found.shares.sum() == pytest.approx(1, abs=1e-4)


def test_missing_dosages_take_the_mean(rng):
    X = draw(rng).astype(float)
    hidden = rng.random(X.shape) < 0.1
    X[hidden] = np.nan
    X[:, 3] = np.nan
    sd, mean = np.nanstd(np.delete(X, 3, 1), axis=0), np.nanmean(np.delete(X, 3, 1), axis=0)
    Z = np.nan_to_num((np.delete(X, 3, 1) - mean) / sd)
    S = np.linalg.svd(Z, compute_uv=False)
    found = principal_components(X, 4)
    assert not found.kept[3]
    np.testing.assert_allclose(found.eigenvalues, S[:4] ** 2 / 199, rtol=1e-5)
    assert np.isfinite(found.scores).all()


def test_two_populations_are_the_first_component(rng):
    labels = np.repeat([0, 1], 30)
    f = np.where(labels[:, None] == 0, 0.3, 0.6)
    found = principal_components(rng.binomial(2, f, (60, 400)), 2)
    assert np.corrcoef(found.scores[:, 0], labels)[0, 1] ** 2 > 0.98


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"dosages": np.zeros(4)}, r"dosages: got shape \(4,\)"),
        ({"dosages": np.full((3, 4), 3)}, "dosages: got values from 3 to 3, expected 0 to 2"),
        ({"dosages": np.array([[0, -1], [1, 2]])}, "from -1 to 2.*missing dosages as NaN"),
        ({"dosages": np.array([[0, np.inf], [1, 2]])}, "infinite"),
        ({"dosages": np.full((3, 4), np.nan)}, "no observed dosage"),
        ({"dosages": np.ones((3, 4))}, "no variant that varies"),
        ({"dosages": np.array([["a", "b"], ["c", "d"]])}, "real numbers"),
        ({"n_components": 60}, "n_components: got 60, expected 1 to 59"),
        ({"n_components": 0}, "n_components: got 0"),
        ({"n_components": 2.0}, "n_components: got 2.0, expected an integer"),
        ({"ploidy": 0}, "ploidy: got 0"),
        ({"ploidy": 1}, "expected 0 to 1"),
        ({"scale": "unit"}, "scale: got 'unit'"),
        ({"method": "fast"}, "method: got 'fast'"),
    ],
)
def test_bad_input_to_components(rng, changes, match):
    with pytest.raises(ValueError, match=match):
        principal_components(**({"dosages": draw(rng), "n_components": 2} | changes))


# --- pruning ------------------------------------------------------------------------------------


def prune_plainly(X, positions, chromosomes, window, threshold):
    R2, kept = np.corrcoef(X.T.astype(float)) ** 2, []
    for j in np.lexsort((positions, chromosomes)):
        near = [
            i
            for i in kept
            if chromosomes[i] == chromosomes[j] and positions[j] - positions[i] <= window
        ]
        if all(R2[i, j] <= threshold for i in near):
            kept.append(j)
    return np.isin(np.arange(X.shape[1]), kept)


@pytest.mark.parametrize("chunk", [500, 2**22])
def test_pruning_equals_a_plain_loop(rng, chunk, monkeypatch):
    monkeypatch.setattr(structure, "_CHUNK_ENTRIES", chunk)
    base = draw(rng, 80, 40)
    X = np.repeat(base, 5, axis=1)
    X = np.where(rng.random(X.shape) < 0.2, draw(rng, 80, 200), X)
    positions = rng.permutation(200) * 1000
    chromosomes = np.where(rng.random(200) < 0.5, "II", "I")
    for window, threshold in [(3e4, 0.1), (1e6, 0.3), (0, 0.1), (1e6, 1.0)]:
        found = ld_prune(X, positions, chromosomes, window=window, threshold=threshold)
        expected = prune_plainly(X, positions, chromosomes, window, threshold)
        np.testing.assert_array_equal(found, expected)


def test_pruning_keeps_one_of_each_set_of_copies(rng):
    base = draw(rng, 100, 30)
    X = np.repeat(base, 10, axis=1)
    kept = ld_prune(X, np.arange(300), threshold=0.9)
    assert kept.sum() == 30
    assert kept[::10].all()


def test_pruning_drops_what_does_not_vary(rng):
    X = draw(rng, 50, 5)
    X[:, 2] = 0
    assert ld_prune(X, np.arange(5), threshold=1.0).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"positions": np.arange(4)}, r"positions: got shape \(4,\), expected \(5,\)"),
        ({"positions": np.full(5, np.nan)}, "positions: got values that are no finite numbers"),
        ({"chromosomes": np.arange(4)}, "chromosomes: got shape"),
        ({"threshold": 1.5}, "threshold: got 1.5"),
        ({"threshold": np.nan}, "threshold: got nan"),
        ({"window": -1}, "window: got -1"),
        ({"dosages": np.ones((50, 5))}, "no variant that varies"),
    ],
)
def test_bad_input_to_pruning(rng, changes, match):
    with pytest.raises(ValueError, match=match):
        ld_prune(**({"dosages": draw(rng, 50, 5), "positions": np.arange(5)} | changes))


# --- families and FST -----------------------------------------------------------------------------


@pytest.mark.parametrize("ploidy", [1, 2, 4])
def test_families_are_joined_through_others(rng, ploidy):
    X = draw(rng, 6, 1000, ploidy)
    step = X[0].copy()
    chain = [step.copy()]
    for start in (0, 100):
        at = slice(start, start + 15)
        step[at] = (step[at] + 1) % (ploidy + 1)
        chain.append(step.copy())
    families = near_identical(np.array([*X, *chain[1:]]), identity=0.98, ploidy=ploidy)
    assert families[0] == families[6] == families[7]
    assert len(set(families)) == 6


def test_identity_counts_allele_copies(rng):
    X = np.zeros((2, 100), dtype=int)
    X[1, :10] = 1
    assert len(set(near_identical(X, identity=0.95))) == 1
    assert len(set(near_identical(X, identity=0.951))) == 2
    assert len(set(near_identical(X, identity=0.9, ploidy=1))) == 1
    assert len(set(near_identical(X, identity=0.91, ploidy=1))) == 2


def fst_plainly(a, b, ploidy):
    """From all pairs of chromosomes, each genotype split into its copies."""
    sets = []
    for X in (a, b):
        copies = np.arange(ploidy)[:, None, None]
        sets.append((X[None] > copies).reshape(-1, X.shape[1]).astype(float))
    within = []
    for s in sets:
        pairs = [np.abs(s[i] - s[j]).sum() for i in range(len(s)) for j in range(i)]
        within.append(np.mean(pairs))
    between = np.mean([np.abs(x - y).sum() for x in sets[0] for y in sets[1]])
    return 1 - np.mean(within) / between


@pytest.mark.parametrize("ploidy", [1, 2])
def test_fst_equals_the_mean_over_pairs_of_chromosomes(rng, ploidy):
    X = np.concatenate([draw(rng, n, 30, ploidy) for n in (5, 8, 6)])
    labels = np.repeat(["b", "a", "c"], (5, 8, 6))
    fst = hudson_fst(X, labels, ploidy=ploidy)
    np.testing.assert_array_equal(fst, fst.T)
    expected = fst_plainly(X[labels == "a"], X[labels == "c"], ploidy)
    assert fst[0, 2] == pytest.approx(expected, rel=1e-12)
    assert (np.diag(fst) == 0).all()


@pytest.mark.parametrize(
    ("function", "changes", "match"),
    [
        (hudson_fst, {"populations": np.zeros(20)}, "populations: got 1 with"),
        (hudson_fst, {"populations": np.zeros(19)}, "populations: got shape"),
        (hudson_fst, {"dosages": np.zeros((20, 3))}, "without any difference"),
        (hudson_fst, {"dosages": np.full((20, 3), np.nan)}, "no observed dosage"),
        (near_identical, {"identity": 0}, "identity: got 0"),
        (near_identical, {"dosages": np.full((20, 3), 0.5)}, "expected whole numbers"),
        (near_identical, {"ploidy": 1.5}, "ploidy: got 1.5"),
    ],
)
def test_bad_input_to_families_and_fst(rng, function, changes, match):
    arguments = {"dosages": draw(rng, 20, 10)}
    if function is hudson_fst:
        arguments["populations"] = np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match=match):
        function(**(arguments | changes))


def test_fst_refuses_missing_dosages(rng):
    X = draw(rng, 20, 10).astype(float)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="got a missing dosage"):
        hudson_fst(X, np.repeat([0, 1], 10))
