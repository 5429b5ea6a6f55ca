"""Priors on effects, over sixty simulated data sets fitted side by side: chapter 24's study.

    python benchmarks/effects_as_mixtures.py [--replicates 60] [--studies pathway binary ...]

Rows are appended to ``benchmarks/effects_as_mixtures.csv`` when a method is through with all data
sets, and only missing methods are run: a stopped run goes on where it was. About a quarter of an
hour on one core.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from gitools.book.studies import effects as study

TABLE = Path(__file__).with_suffix(".csv")
SEED = 240
PREVALENCE = 0.3
METHODS = {
    "independent": ["marginal", "threshold", "learnt", "ceiling"],
    "pathway": [
        "least squares", "threshold", "one normal", "none", "known histogram",
        "right", "decoy", "decoy imposed", "ceiling", "ceiling again",
    ],
    "binary": ["none", "right", "decoy", "linear none"],
    "noise": ["none", "right"],
    "network": ["main only", "flat", "network", "decoy"],
    "two studies": [
        "earlier", "alone", "histogram", "places", "tiers", "pooled",
        "unrelated alone", "unrelated histogram", "unrelated places",
    ],
}  # fmt: skip
LARGE = 2


def stream(name, method):
    """A generator for one method of one study."""
    place = list(METHODS).index(name)
    return np.random.default_rng([SEED, 1, place, METHODS[name].index(method)])


def fit_scores(found, X, y, sought, multiples=study.MULTIPLES) -> dict:
    """Scores of a fit in new people, its recovery, and what it says of itself."""
    scores = study.prediction_scores(y, study.predict(X, found.mean))
    with_effect = multiples > 0
    scores["ap"] = study.average_precision(sought, found.square)
    scores["h2"] = found.heritability
    scores["share"] = found.classes[:, with_effect].sum(axis=1).mean(axis=0)
    scores["sure"] = (found.classes[:, with_effect].sum(axis=1) > 0.9).sum(axis=0)
    return scores


class Cohort:
    """Data sets with a pathway, and everything that is computed from them once."""

    def __init__(self, m):
        self.m = m

    @cached_property
    def panels(self):
        return study.draw_panels(self.m, np.random.default_rng([SEED, 0, 1]))

    @cached_property
    def large(self):
        return self.panels.classes == LARGE

    def people(self, start, n):
        return self.panels.X[:, start : start + n], self.panels.trait[start : start + n]

    @cached_property
    def main(self):
        return study.sums_of(*self.people(0, study.N_MAIN))

    @cached_property
    def earlier(self):
        return study.sums_of(*self.people(0, study.N_EARLIER))

    @cached_property
    def later(self):
        return study.sums_of(*self.people(study.N_EARLIER, study.N_LATER))

    @property
    def test(self):
        return self.people(study.N_EARLIER + study.N_LATER, study.N_TEST)

    @property
    def all(self):
        return np.zeros(len(self.panels.pathway), dtype=int)

    @cached_property
    def earlier_fit(self):
        rng = stream("two studies", "earlier")
        return study.fit(self.earlier, study.learnt_prior(self.all), rng)


def pathway(cohort, method, rng):
    """The main study: priors from none to the truth."""
    X, y = cohort.test
    linear = {"least squares": study.least_squares, "one normal": study.one_normal}
    if method == "threshold":
        best = study.threshold_scores(cohort.main, X, y).max(axis=0)
        z = np.abs(study.marginal_z(cohort.main)[1])
        return {"corr2": best, "ap": study.average_precision(cohort.large, z)}
    if method in linear:
        b = linear[method](cohort.main)
        found = study.prediction_scores(y, study.predict(X, b))
        return found | {"ap": study.average_precision(cohort.large, b**2)}
    right, decoy = cohort.panels.pathway, cohort.panels.decoy
    average = study.TRUE_PROPORTIONS.T @ [0.9, 0.1]
    priors = {
        "none": lambda: study.learnt_prior(cohort.all),
        "known histogram": lambda: study.true_prior(np.tile(average[:, None], (len(right), 1, 1))),
        "right": lambda: study.learnt_prior(right),
        "decoy": lambda: study.learnt_prior(decoy),
        "decoy imposed": lambda: study.true_prior(study.proportions_by(decoy)),
        "ceiling": lambda: study.true_prior(study.proportions_by(right)),
    }
    prior = priors[method.removesuffix(" again")]()
    found = study.fit(cohort.main, prior, rng)
    return fit_scores(found, X, y, cohort.large, prior.multiples)


def binary(cohort, method, rng):
    """The same people as cases and controls."""
    cut = norm.isf(PREVALENCE)
    X, y = cohort.people(0, study.N_MAIN)
    test_X, test_y = cohort.test
    groups = {"right": cohort.panels.pathway, "decoy": cohort.panels.decoy}.get(method, cohort.all)
    prior = study.learnt_prior(groups)
    if method == "linear none":
        found = study.fit(study.sums_of(X, (y > cut).astype(float)), prior, rng)
    else:
        found = study.fit_binary(X, y > cut, cohort.main.gram, prior, rng)
    scores = fit_scores(found, test_X, test_y, cohort.large)
    return scores | {"auc": study.areas(test_y > cut, study.predict(test_X, found.mean))}


def noise(cohort, method, rng):
    """Pure noise as the trait."""
    X, y = cohort.people(0, study.N_MAIN)
    trait = np.random.default_rng([SEED, 0, 3]).standard_normal((len(y) + study.N_TEST, cohort.m))
    sums = study.sums_of(X, trait[: len(y)])
    groups = cohort.panels.pathway if method == "right" else cohort.all
    found = study.fit(sums, study.learnt_prior(groups), rng)
    scores = fit_scores(found, cohort.test[0], trait[len(y) :], cohort.large)
    inside = found.proportions[-1, 1:].sum(axis=0) / found.proportions[0, 1:].sum(axis=0)
    return scores | {"ratio": inside}


def two_studies(cohort, method, rng):
    """A study of 3,000 lends its prior to one of 500."""
    X, y = cohort.test
    earlier, later = cohort.earlier_fit, cohort.later
    if method == "earlier":
        return fit_scores(earlier, X, y, cohort.large)
    sought, name = cohort.large, method.removeprefix("unrelated ")
    if name != method:
        rng_trait = np.random.default_rng([SEED, 0, 4])
        classes, effects = study.draw_effects(cohort.panels.pathway, rng_trait)
        people = cohort.panels.X[:, study.N_EARLIER :]
        trait = study.draw_trait(people, effects, rng_trait)
        later = study.sums_of(people[:, : study.N_LATER], trait[: study.N_LATER])
        y, sought = trait[study.N_LATER :], classes == LARGE
    if name == "pooled":
        later = cohort.earlier + later
    prior = study.learnt_prior(
        study.tiers(study.marginal_z(cohort.earlier)[1]) if name == "tiers" else cohort.all
    )
    if name in ("histogram", "places"):
        prior.fixed = earlier.proportions if name == "histogram" else earlier.classes
        prior.fixed = np.broadcast_to(prior.fixed, earlier.classes.shape)
        prior.genetic_variance = earlier.genetic
    return fit_scores(study.fit(later, prior, rng), X, y, sought)


def network(cohort, method, rng):
    """Interactions of genes, with and without a network."""
    pairs = study.draw_pairs(cohort.m, np.random.default_rng([SEED, 0, 5]))
    n = study.N_MAIN
    columns = slice(40 if method == "main only" else None)
    X = pairs.X[:, :, columns]
    groups = {"network": pairs.kinds, "decoy": pairs.decoy}.get(method, np.minimum(pairs.kinds, 1))
    prior = study.learnt_prior(groups[columns])
    found = study.fit(study.sums_of(X[:, :n], pairs.trait[:n]), prior, rng)
    sought = pairs.interacting[columns]
    scores = fit_scores(found, X[:, n:], pairs.trait[n:], sought)
    scores["ap"] = study.average_precision(pairs.interacting[40:], found.square[40:]) \
        if method != "main only" else np.full(cohort.m, np.nan)  # fmt: skip
    return scores


N_INDEPENDENT, NOISE = 10_000, 1 / 20_000
INDEPENDENT_SHARES = np.array([0.93, 0.06, 0.01])
INDEPENDENT_VARIANCES = np.array([0.0, 2.5e-4, 1.5e-3])
GRID = np.array([0.0, *(2e-5 * 4.0 ** np.arange(5))])


def independent(cohort, method, rng):
    """Ten thousand independent variants, their estimates only; errors relative to zero's."""
    draw = np.random.default_rng([SEED, 0, 6])
    classes = draw.choice(3, (N_INDEPENDENT, cohort.m), p=INDEPENDENT_SHARES)
    b = np.sqrt(INDEPENDENT_VARIANCES[classes]) * draw.standard_normal(classes.shape)
    estimates = b + np.sqrt(NOISE) * draw.standard_normal(b.shape)
    found, scores = estimates, {}
    if method == "threshold":
        p_values = 2 * norm.sf(np.abs(estimates) / np.sqrt(NOISE))
        kept = [estimates * (p_values <= t) for t in study.THRESHOLDS]
        errors = np.array([((k - b) ** 2).sum(axis=0) for k in kept])
        return {"error": errors.min(axis=0) / (b**2).sum(axis=0)}
    if method == "learnt":
        weights = study.em_weights(estimates, NOISE, GRID)
        found = study.shrink(estimates, NOISE, weights, GRID)
        scores["h2"] = N_INDEPENDENT * GRID @ weights
        scores["share"] = weights[1:].sum(axis=0)
    if method == "ceiling":
        weights = np.tile(INDEPENDENT_SHARES[:, None], cohort.m)
        found = study.shrink(estimates, NOISE, weights, INDEPENDENT_VARIANCES)
    return scores | {"error": ((found - b) ** 2).sum(axis=0) / (b**2).sum(axis=0)}


STUDIES = {
    "independent": independent,
    "pathway": pathway,
    "binary": binary,
    "noise": noise,
    "network": network,
    "two studies": two_studies,
}


def done(table):
    """Pairs of study and method that the table holds."""
    if not table.exists():
        return set()
    held = pd.read_csv(table)[["study", "method"]]
    return set(held.itertuples(index=False, name=None))


def main() -> None:
    """Run what is missing and append it to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--studies", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    cohort, columns = Cohort(options.replicates), ["study", "method", "replicate"]
    columns += ["r2", "corr2", "slope", "ap", "auc", "h2", "share", "sure", "ratio", "error"]
    held = done(options.table)
    for name in options.studies:
        for method in METHODS[name]:
            if (name, method) in held:
                continue
            print(f"{name}: {method}", flush=True)
            found = STUDIES[name](cohort, method, stream(name, method))
            rows = pd.DataFrame(found).reindex(columns=columns)
            rows["study"], rows["method"], rows["replicate"] = name, method, range(len(rows))
            new = not options.table.exists()
            rows.to_csv(options.table, mode="a", header=new, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
