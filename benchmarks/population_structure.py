"""What PCA and a mixture find in simulated populations: every replicate study of the chapter.

One row for each quantity of each simulated data set, in benchmarks/population_structure.csv. Run as
``python benchmarks/population_structure.py``, some ten minutes on one core; what is in the table
already is not done again. ``--quick`` runs one small data set of each study and writes nothing.
"""

import csv
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from gitools.book.bench import asked_to_be_quick
from gitools.book.studies import structure as studies
from gitools.data import DataNotAvailable
from gitools.structure import hudson_fst, ld_prune, principal_components

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("study", "replicate", "setting", "quantity", "value")
PRUNE = {"window": 1e6, "threshold": 0.2}
FSTS = (0.5, 1.0, 1.5, 2.0, 3.0)
N_PEOPLE, N_VARIANTS = 200, 2_000
THRESHOLD = 1 / np.sqrt(N_PEOPLE * N_VARIANTS)


def pruned_scores(sample, k):
    """Scores on pruned variants."""
    kept = ld_prune(sample.dosages, sample.positions, sample.stretches, **PRUNE)
    return principal_components(sample.dosages[:, kept], k).scores


def island_study(rng, quick):
    """Three islands with an FST of 0.05: is their number found, and who belongs where?"""
    fst, size = 0.05, 20 if quick else 60
    n_stretches = 10 if quick else 60
    islands = studies.islands(3, fst)
    sample = studies.simulate_sample(islands, [size] * 3, n_stretches, 2e4, rng, min_maf=0)
    measured = hudson_fst(sample.dosages, sample.populations)
    yield "", "fst", measured[np.triu_indices(3, 1)].mean() / fst
    frequencies = sample.dosages.mean(axis=0) / 2
    common = np.minimum(frequencies, 1 - frequencies) >= studies.MIN_MAF
    sample = studies.Sample(*(part[..., common] for part in sample[:3]), sample.populations)
    scores = pruned_scores(sample, 10)
    for d in (2, 10):
        best, _ = studies.fit_by_bic(scores[:, :d], 6, rng)
        called = best.predict_proba(scores[:, :d])
        yield d, "k", best.n_components
        yield d, "ari", adjusted_rand_score(sample.populations, called.argmax(axis=1))
        probabilities = studies.class_probabilities(called, sample.populations)
        yield d, "log loss", studies.log_loss(probabilities, sample.populations)


def threshold_study(rng, quick):
    """Two populations around the smallest FST that PCA can see, beside known frequencies."""
    n, p = (40, 200) if quick else (N_PEOPLE, N_VARIANTS)
    labels = np.repeat([0, 1], n // 2)
    for fst in (*(multiple / np.sqrt(n * p) for multiple in FSTS), 0.005):
        frequencies = studies.drift_apart(fst, p, 2, rng)
        dosages = studies.draw_people(frequencies, np.eye(2)[labels], rng)
        scores = principal_components(dosages, 1).scores
        two = studies.GaussianMixtureEM(2, n_init=2, tol=1e-5, floor=1e-3, random_state=rng)
        called = studies.matched(two.fit(scores).predict_proba(scores), labels)
        known = studies.known_frequency_posterior(dosages, frequencies)
        setting = f"{fst:.6f}"
        yield setting, "r2", studies.squared_correlation(scores[:, 0], labels)
        yield setting, "ari", adjusted_rand_score(labels, called.argmax(axis=1))
        yield setting, "log loss", studies.log_loss(called, labels)
        yield setting, "known ari", adjusted_rand_score(labels, known.argmax(axis=1))
        yield setting, "known log loss", studies.log_loss(known, labels)


def admixture_study(rng, quick):
    """Sixty admixed people among three hundred others: responsibility, position and ancestry."""
    n, p = (40, 300) if quick else (150, 2_000)
    labels = np.repeat([0, 1, 2], (n, n, 60))
    share = np.where(labels == 2, rng.random(len(labels)), labels)
    frequencies = studies.drift_apart(0.05, p, 2, rng)
    dosages = studies.draw_people(frequencies, np.column_stack([1 - share, share]), rng)
    scores = principal_components(dosages, 1).scores
    two = studies.GaussianMixtureEM(2, n_init=2, tol=1e-5, floor=1e-3, random_state=rng)
    called = two.fit(scores).predict_proba(scores)
    sources = labels < 2
    order = [called[labels == 0, k].mean() < called[labels == 1, k].mean() for k in range(2)]
    of_one = called[:, int(np.argmax(order))]
    means = [scores[labels == k, 0].mean() for k in range(2)]
    position = (scores[:, 0] - means[0]) / (means[1] - means[0])
    known = studies.known_frequency_share(dosages[~sources], frequencies)
    truth = share[~sources]
    for name, guess in (("responsibility", of_one), ("position", position)):
        yield "", name, np.sqrt(np.mean((guess[~sources] - truth) ** 2))
    yield "", "known frequencies", np.sqrt(np.mean((known - truth) ** 2))
    yield "", "k", studies.fit_by_bic(scores, 6, rng)[0].n_components


def sibling_study(rng, quick):
    """Twelve siblings among 200 people of two populations with an FST of 0.01."""
    n, p = (40, 300) if quick else (94, 2_000)
    frequencies = studies.drift_apart(0.01, p, 2, rng)
    labels = np.repeat([0, 1, 0], (n, n, 12))
    family = np.repeat([0, 1], (2 * n, 12))
    people = studies.draw_people(frequencies, np.eye(2)[labels[: 2 * n]], rng)
    siblings = studies.draw_siblings(frequencies[0], 12, rng)
    scores = principal_components(np.concatenate([people, siblings]), 2).scores
    for k in range(2):
        yield k + 1, "family", studies.squared_correlation(scores[:, k], family)
        yield k + 1, "populations", studies.squared_correlation(scores[:, k], labels)


def inversion_study(rng, quick):
    """One randomly mating population with an inversion: how many populations are found?"""
    n, n_stretches = (60, 10) if quick else (200, 60)
    sample = studies.simulate_inversion(n, n_stretches, 5e4, rng)
    outside = sample.stretches < n_stretches
    without = studies.Sample(*(part[..., outside] for part in sample[:3]), sample.populations)
    whole = principal_components(sample.dosages, 2).scores
    sets = {
        "all": whole,
        "pruned": pruned_scores(sample, 2),
        "removed and pruned": pruned_scores(without, 2),
    }
    for setting, scores in sets.items():
        best, _ = studies.fit_by_bic(scores, 6, rng)
        called = best.predict(scores)
        yield setting, "k", best.n_components
        yield setting, "ari", adjusted_rand_score(sample.populations, called)
        yield setting, "r2", studies.squared_correlation(scores[:, 0], sample.populations)


def null_study(rng, quick):
    """One randomly mating population, pruned and not."""
    n, n_stretches = (60, 10) if quick else (200, 60)
    sample = studies.simulate_sample(studies.one_population(), [n], n_stretches, 5e4, rng)
    sets = {"pruned": pruned_scores(sample, 2)}
    sets["all"] = principal_components(sample.dosages, 2).scores
    for setting, scores in sets.items():
        yield setting, "k", studies.fit_by_bic(scores, 4, rng)[0].n_components


def growth_study(rng, quick):
    """Components found in 100 to 800 people of a chain of demes, and of three islands."""
    sizes = (40, 80) if quick else (100, 200, 400, 800)
    worlds = {
        "chain": (studies.chain(20, 500, 0.02), 20, 40, 1.5e4),
        "islands": (studies.islands(3, 0.05), 3, 15, 1.5e4),
    }
    for name, (demography, n_demes, n_stretches, length) in worlds.items():
        per_deme = -(-sizes[-1] // n_demes)
        n_stretches = 4 if quick else n_stretches
        sample = studies.simulate_sample(demography, [per_deme] * n_demes, n_stretches, length, rng)
        rank = np.tile(np.arange(per_deme), n_demes)
        for n in sizes if name == "chain" else (sizes[0], sizes[-1]):
            few = rank < -(-n // n_demes)
            part = studies.Sample(sample.dosages[few], *sample[1:3], sample.populations[few])
            scores = pruned_scores(part, 2)
            yield f"{name}, {n}", "k", studies.fit_by_bic(scores, 8, rng)[0].n_components
            if name == "chain":
                yield f"{name}, {n}", "parabola", studies.quadratic_r2(scores[:, 0], scores[:, 1])
                place = studies.squared_correlation(scores[:, 0], part.populations)
                yield f"{name}, {n}", "place", place
        if name == "chain":
            ends = np.isin(sample.populations, (0, n_demes - 1))
            fst = hudson_fst(sample.dosages[ends], sample.populations[ends])[0, 1]
            yield "chain", "fst of the ends", fst


def accession_study(rng, quick):
    """Components found in 100 to 800 Arabidopsis accessions of the Old World, no two of a clone."""
    panel = studies.old_world()
    sizes = (100,) if quick else (100, 200, 400, 800)
    for n in sizes:
        chosen = rng.choice(len(panel.genotypes), n, replace=False)
        genotypes = panel.genotypes[chosen]
        scores = principal_components(genotypes, 4, ploidy=1).scores
        yield n, "k", studies.fit_by_bic(scores, 4 if quick else 16, rng)[0].n_components


# Replicates were fixed before a study had a row of its own, by what a shared machine could do in
# ten minutes: 50 give a share to within 0.14, the 60 of the null a rate of a few per cent to within
# 0.05. Subsets of one collection overlap: 12 tell enough of their mean, as do 12 of the slowest
# study. The last cuts, of "null" to 60 and of "growth" to 12, came while "inversion" was running.
STUDIES = {
    "islands": (island_study, 50),
    "threshold": (threshold_study, 50),
    "admixture": (admixture_study, 50),
    "siblings": (sibling_study, 50),
    "inversion": (inversion_study, 50),
    "null": (null_study, 60),
    "growth": (growth_study, 12),
    "accessions": (accession_study, 12),
}


def run(name, replicate, quick=False):
    """Rows of one data set of a study."""
    study, _ = STUDIES[name]
    rng = np.random.default_rng([15, 100 + list(STUDIES).index(name), replicate])
    for setting, quantity, value in study(rng, quick):
        yield dict(zip(COLUMNS, (name, replicate, setting, quantity, f"{value:.5g}"), strict=True))


def finished():
    """Pairs of study and replicate that the table holds."""
    if not TABLE.is_file():
        return set()
    with open(TABLE, newline="", encoding="utf-8") as file:
        return {(row["study"], int(row["replicate"])) for row in csv.DictReader(file)}


def main():
    quick = asked_to_be_quick(__doc__)
    done = set() if quick else finished()
    todo = [
        (name, r)
        for name, (_, n) in STUDIES.items()
        for r in range(1 if quick else n)
        if (name, r) not in done
    ]
    for name, replicate in studies.bar(todo):
        try:
            rows = list(run(name, replicate, quick))
        except DataNotAvailable as error:
            print(f"{name}: left out, {error}")
            continue
        if quick:
            print(*rows, sep="\n")
            continue
        new = not TABLE.is_file()
        with open(TABLE, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
