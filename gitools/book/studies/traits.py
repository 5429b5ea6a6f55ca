"""Studies of mixtures fitted to traits, and of tests built on them, over many data sets at once.

Every row of a matrix is a data set of its own. Standard deviations are those of one hump.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtri, stdtr
from scipy.stats import false_discovery_control, rankdata

from gitools.association import permutation_max, smaller_of_two
from gitools.mixtures.selection import fit_rows, lrt_rows, row_posteriors

FREQUENCY = 0.3
UPPER = 0.1
EXPLAINED = 0.01
LOG_SD = 0.5
# Powers of a positive trait, in units of 1 / (sd of its logarithm).
POWERS = np.round(np.arange(-3, 4) / 5, 1)
FIT = {"n_starts": 2, "floor": 0.01, "tol": 1e-5, "max_iter": 200}

KINDS = ("class", "normal", "skewed", "humped")


def class_share(distance, upper=UPPER):
    """Share of a trait's variance that lies between its two humps."""
    between = distance**2 * upper * (1 - upper)
    return between / (1 + between)


def penetrance(distance, explained=EXPLAINED, upper=UPPER, frequency=FREQUENCY):
    """Probability of the upper hump with 0, 1 and 2 copies, linear in the copies.

    Parameters
    ----------
    distance : float
        Distance of the humps in their standard deviations.
    explained : float
        Share of the trait's variance that the marker explains in a linear regression.
    upper, frequency : float
        Share of people in the upper hump, allele frequency.

    Returns
    -------
    float array of shape (3,)

    Raises
    ------
    ValueError
        If no probabilities explain so much.
    """
    of_class = explained / class_share(distance, upper)
    slope = np.sqrt(of_class * upper * (1 - upper) / (2 * frequency * (1 - frequency)))
    odds = upper + slope * (np.arange(3) - 2 * frequency)
    if odds.min() < 0 or odds.max() > 1:
        raise ValueError(f"explained: got {explained}, expected less: it asks for {odds}")
    return odds


@dataclass(frozen=True)
class Scenario:
    """A kind of trait and what the marker does to it.

    Attributes
    ----------
    kind : {"class", "normal", "skewed", "humped"}
        The marker changes the odds of the upper hump; shifts a normal trait; shifts the logarithm
        of a skewed trait; shifts a trait whose humps have another cause.
    distance : float
        Distance of the humps, where there are any.
    """

    kind: str
    distance: float = 0.0

    def draw(self, dosages, rng):
        """A trait for each row of dosages, (R, n)."""
        noise = rng.standard_normal(dosages.shape)
        if self.kind == "class":
            odds = penetrance(self.distance)[dosages]
            return self.distance * (rng.random(dosages.shape) < odds) + noise
        shift = self._shift()[dosages]
        if self.kind == "humped":
            return self.distance * (rng.random(dosages.shape) < UPPER) + noise + shift
        y = shift + np.sqrt(1 - EXPLAINED) * noise
        return np.exp(LOG_SD * y) if self.kind == "skewed" else y

    def log_ratio(self, y, dosages):
        """Log-likelihood ratio of the true association against none, (R,)."""
        given = self._log_densities(np.log(y) / LOG_SD if self.kind == "skewed" else y)
        f = FREQUENCY
        frequencies = np.array([(1 - f) ** 2, 2 * f * (1 - f), f**2])[:, None, None]
        without = logsumexp(given, axis=0, b=frequencies)
        return (np.take_along_axis(given, dosages[None], axis=0)[0] - without).sum(axis=1)

    def _log_densities(self, y):
        """Log density of a trait given 0, 1 and 2 copies, up to a constant, (3, R, n)."""
        if self.kind == "class":
            odds = penetrance(self.distance)[:, None, None]
            return _log_humps(y, self.distance, odds)
        left = y - self._shift()[:, None, None]
        if self.kind == "humped":
            return _log_humps(left, self.distance, UPPER)
        return -(left**2) / (2 * (1 - EXPLAINED))

    def _shift(self):
        """What 0, 1 and 2 copies add."""
        f = FREQUENCY
        dosage = (np.arange(3) - 2 * f) / np.sqrt(2 * f * (1 - f))
        if self.kind != "humped":
            return np.sqrt(EXPLAINED) * dosage
        variance = 1 + self.distance**2 * UPPER * (1 - UPPER)
        return np.sqrt(variance * EXPLAINED / (1 - EXPLAINED)) * dosage


def _log_humps(y, distance, upper):
    return np.logaddexp(np.log1p(-upper) - y**2 / 2, np.log(upper) - (y - distance) ** 2 / 2)


def draw_dosages(shape, rng):
    """Dosages in Hardy-Weinberg proportions at the studies' allele frequency."""
    return rng.binomial(2, FREQUENCY, shape)


def fitted_scores(Y, rng):
    """Scores of two kinds of effect under a fitted mixture of two, each (R, n).

    Returns
    -------
    responsibilities : float array
        Of the component of higher mean: the score of an effect on the class.
    within : float array
        sum_k r_k (y - mu_k) / sigma_k^2: the score of a shift of everybody.
    """
    fits = fit_rows(Y, 2, random_state=rng, **FIT)
    r = row_posteriors(Y, fits)[1]
    upper = fits.means.argmax(axis=1)
    residuals = (Y[:, None] - fits.means[:, :, None]) / fits.sds[:, :, None] ** 2
    return r[np.arange(len(Y)), upper], (r * residuals).sum(axis=1)


def true_responsibilities(Y, distance, upper=UPPER):
    """Responsibility of the upper hump under the true parameters."""
    log_odds = np.log(upper / (1 - upper)) + distance * Y - distance**2 / 2
    return 1 / (1 + np.exp(-log_odds))


def normal_ranks(Y):
    """Normal quantiles of the ranks of each row."""
    return ndtri((rankdata(Y, axis=1) - 0.5) / Y.shape[1])


def row_correlations(A, B):
    """Correlation of each row of A with that of B, 0 where one does not vary."""
    A, B = A - A.mean(axis=1, keepdims=True), B - B.mean(axis=1, keepdims=True)
    lengths = np.sqrt((A**2).sum(axis=1) * (B**2).sum(axis=1))
    return np.where(lengths > 1e-12, (A * B).sum(axis=1) / np.maximum(lengths, 1e-12), 0.0)


def regression_p(Y, dosages):
    """Two-sided p-value of the regression of each row of Y on that of dosages."""
    df = Y.shape[1] - 2
    r = np.clip(row_correlations(Y, dosages), -1 + 1e-15, 1 - 1e-15)
    return 2 * stdtr(df, -np.abs(r) * np.sqrt(df / (1 - r**2)))


def functions_of_trait(scenario, Y, rng):
    """What is regressed on dosage: a name to values, (R, n)."""
    responsibilities, within = fitted_scores(Y, rng)
    named = {"trait": Y, "ranks": normal_ranks(Y), "responsibilities": responsibilities}
    named["within humps"] = within
    named["labels"] = (named["responsibilities"] > 0.5).astype(float)
    if scenario.kind == "class":
        named["true responsibilities"] = true_responsibilities(Y, scenario.distance)
    if scenario.kind == "skewed":
        named["logarithm"] = np.log(Y)
    return named


def all_tests(named, dosages):
    """p-values of each function's regression, and of the smaller of two, with and without price."""
    p = {name: regression_p(values, dosages) for name, values in named.items()}
    pair = p["trait"], p["responsibilities"]
    together = row_correlations(named["trait"], named["responsibilities"])
    p["smaller p"] = np.minimum(*pair)
    p["smaller p, corrected"] = smaller_of_two(*pair, together)
    return p


def ceiling_threshold(scenario, n, n_null, level, rng):
    """Threshold of the most powerful test, from markers that are independent of the trait."""
    y = scenario.draw(draw_dosages((n_null, n), rng), rng)
    return np.quantile(scenario.log_ratio(y, draw_dosages((n_null, n), rng)), 1 - level)


def study_tests(scenario, n_traits, n, threshold, rng, *, n_null=4, level=0.05):
    """How often each test rejects a marker with its effect, and `n_null` without, a trait.

    Returns
    -------
    list of dict
        One for each test: ``test``, ``power`` and ``null``.
    """
    dosages = draw_dosages((n_traits, n), rng)
    Y = scenario.draw(dosages, rng)
    named = functions_of_trait(scenario, Y, rng)
    nulls = [draw_dosages((n_traits, n), rng) for _ in range(n_null)]
    found = all_tests(named, dosages)
    null = [all_tests(named, other) for other in nulls]
    rows = [
        {
            "test": name,
            "power": np.mean(p < level),
            "null": np.mean([one[name] < level for one in null]),
        }
        for name, p in found.items()
    ]
    at_ceiling = scenario.log_ratio(Y, dosages) > threshold
    null_ceiling = [scenario.log_ratio(Y, other) > threshold for other in nulls]
    rows.append({"test": "ceiling", "power": at_ceiling.mean(), "null": np.mean(null_ceiling)})
    return rows


def power_transform(U, kappa):
    """Standardised log traits on the scale of a power of the trait: (exp(kappa u) - 1) / kappa."""
    return U if kappa == 0 else np.expm1(kappa * U) / kappa


def standardise(Y):
    """Rows with mean 0 and variance 1."""
    return (Y - Y.mean(axis=1, keepdims=True)) / Y.std(axis=1, keepdims=True)


@dataclass(frozen=True)
class HumpTests:
    """Likelihood-ratio statistics of two humps against one, (R,) each, and the powers chosen."""

    raw: np.ndarray
    logarithm: np.ndarray
    first: np.ndarray
    together: np.ndarray
    power_one: np.ndarray
    power_two: np.ndarray


def raw_hump_test(X, rng, *, n_starts=2):
    """Likelihood-ratio statistic of two humps against one on the scale as measured, (R,)."""
    return lrt_rows(X, 1, random_state=rng, **FIT | {"n_starts": n_starts})


def hump_tests(X, rng, *, n_starts=2):
    """Test one hump against two on four scales of positive traits.

    Parameters
    ----------
    X : float array of shape (R, n)
        Positive traits.
    rng : numpy Generator
    n_starts : int
        Runs of EM for each fit.

    Returns
    -------
    HumpTests
        On the scale as measured; on logarithms; on the power that makes one normal distribution
        fit best; with the power fitted in both hypotheses.
    """
    settings = FIT | {"n_starts": n_starts}
    U = standardise(np.log(X))
    one, two = np.empty((2, len(POWERS), len(X)))
    for k, kappa in enumerate(POWERS):
        T, jacobian = power_transform(U, kappa), kappa * U.sum(axis=1)
        one[k] = fit_rows(T, 1, random_state=rng, **settings).log_likelihood + jacobian
        two[k] = fit_rows(T, 2, random_state=rng, **settings).log_likelihood + jacobian
    at_log, best, rows = np.flatnonzero(POWERS == 0)[0], one.argmax(axis=0), np.arange(len(X))
    return HumpTests(
        raw_hump_test(X, rng, n_starts=n_starts),
        2 * (two[at_log] - one[at_log]),
        2 * (two[best, rows] - one[best, rows]),
        2 * (two.max(axis=0) - one.max(axis=0)),
        POWERS[best],
        POWERS[two.argmax(axis=0)],
    )


def draw_positive(kind, distance, shape, rng):
    """Positive traits: "normal" (shifted), "lognormal", "gamma", or "humps" on the log scale."""
    if kind == "gamma":
        return rng.gamma(4.0, size=shape)
    u = rng.standard_normal(shape)
    if kind == "normal":
        return np.maximum(10 + u, 1e-3)
    if kind == "humps":
        u += distance * (rng.random(shape) < UPPER)
    return np.exp(LOG_SD * u)


def study_panel(dosages, blocks, n_traits, n_permutations, rng, *, level=0.05):
    """Null traits and traits with causal variants on one panel, under three corrections.

    Null traits have two humps without a gene. The others are normal, with a causal variant in 5
    stretches that explains 3 % each. A discovery in a stretch without a causal variant is false.

    Returns
    -------
    list of dict
        One for each trait and correction: ``trait``, ``correction``, ``any`` (a null trait has any
        discovery), ``found`` (share of causal stretches with a discovery), ``false`` (share of
        discoveries that are false) and ``threshold`` (permutation only: p-value per variant).
    """
    X = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    rows = []
    for trait in range(n_traits):
        rows += _null_rows(trait, X, n_permutations, level, rng)
        rows += _causal_rows(trait, X, blocks, n_permutations, level, rng)
    return rows


def _corrections(X, y, n_permutations, level, rng):
    """Which variants pass each correction, and the p-value at the permutation threshold."""
    n = len(y)
    permuted = permutation_max(X, y, n_permutations, random_state=rng)
    p = _p_of(permuted.correlation, n)
    threshold = _p_of(np.quantile(permuted.null_max, 1 - level), n)
    passed = {
        "bonferroni": p < level / len(p),
        "benjamini-hochberg": false_discovery_control(p) <= level,
        "permutation": permuted.p_adjusted <= level,
    }
    return passed, threshold


def _p_of(correlation, n):
    return 2 * stdtr(n - 2, -np.abs(correlation) * np.sqrt((n - 2) / (1 - correlation**2)))


def _null_rows(trait, X, n_permutations, level, rng):
    y = 3.0 * (rng.random(len(X)) < UPPER) + rng.standard_normal(len(X))
    passed, threshold = _corrections(X, y, n_permutations, level, rng)
    both = np.column_stack([y, fitted_scores(y[None], rng)[0][0]])
    p_both = permutation_max(X, both, n_permutations, random_state=rng).p_adjusted
    passed["permutation, both"] = p_both <= level
    return [
        {"trait": trait, "correction": name, "any": int(which.any()), "threshold": threshold}
        for name, which in passed.items()
    ]


def _causal_rows(trait, X, blocks, n_permutations, level, rng, n_causal=5, explained=0.03):
    at = rng.choice(np.unique(blocks), n_causal, replace=False)
    causal = np.array([rng.choice(np.flatnonzero(blocks == block)) for block in at])
    signs = rng.choice([-1, 1], n_causal)
    noise = np.sqrt(1 - n_causal * explained) * rng.standard_normal(len(X))
    y = X[:, causal] @ signs * np.sqrt(explained) + noise
    passed, _ = _corrections(X, y, n_permutations, level, rng)
    wrong = ~np.isin(blocks, at)
    return [
        {
            "trait": trait,
            "correction": name,
            "found": np.mean([which[blocks == block].any() for block in at]),
            "false": (which & wrong).sum() / max(1, which.sum()),
        }
        for name, which in passed.items()
    ]


def rare_carriers(n_carriers, n_traits, n_markers, n, rng, *, level=1e-4, log=False):
    """Rate at which markers without effect are rejected, over its nominal level.

    A marker is carried, in one copy, by `n_carriers` people drawn at random; traits are lognormal.
    """
    y = LOG_SD * rng.standard_normal((n_traits, n))
    y = standardise(y if log else np.exp(y))
    groups, rejected, tested = n // n_carriers, 0, 0
    rounds = -(-n_markers // groups)
    for one in y:
        mixed = rng.permuted(np.tile(one, (rounds, 1)), axis=1)[:, : groups * n_carriers]
        means = mixed.reshape(rounds, groups, n_carriers).mean(axis=2)
        # The correlation with a 0/1 column of c ones among n, for a trait of mean 0, variance 1.
        p = _p_of(means * np.sqrt(n_carriers / (n - n_carriers)), n)
        rejected, tested = rejected + np.sum(p < level), tested + p.size
    return rejected / tested / level
