"""Transfer between traits: networks trained on auxiliary phenotypes first, then on the ionome."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t

from gitools.association.mixed_model import gblup, kinship
from gitools.genomes.distinct import DistinctGenes, distinct_genes
from gitools.genomes.evaluation import correlations, standardise_targets
from gitools.genomes.models import FrozenHead, Galiana
from gitools.genomes.together import train_together
from gitools.genomes.training import copy_body, predict, torch_generator
from gitools.simulate.plants import simulate_ionome, simulate_plants

SEED = 55
N_GENES, N_TEST, SIZES = 100, 200, (80, 160, 320)
BASE_SIZE, MANY, FEW = 160, 320, 80
EPOCHS, EARLY = 50, 30
CURVE = (1, 2, 5, 10, 20, 30, 40, 50)
"""Epochs at which the FOLLOWED settings are scored; the others after EARLY and EPOCHS."""


@dataclass(frozen=True)
class Setting:
    """What the first training is given.

    Attributes
    ----------
    size : int
        Training plants of the ionome.
    shared : float
        Share of the auxiliary phenotypes' genetic variance that comes from the ionome's pathways.
    missing : float
        Share of the auxiliary values that are missing.
    auxiliary : str
        "training": those of the training plants. "leak": those of the left-out plants as well.
        "more plants": those of MANY plants. "permuted": those of other training plants.
        "none": there is no first training.
    ionome : str
        "measured", "permuted" within countries, or "one replicate" in place of the mean of six.
    """

    size: int = BASE_SIZE
    shared: float = 0.5
    missing: float = 0.5
    auxiliary: str = "training"
    ionome: str = "measured"


HEADLINE = {
    "scratch": Setting(auxiliary="none"),
    "base": Setting(),
    "leak": Setting(auxiliary="leak"),
}
SETTINGS = HEADLINE | {
    "scratch 80": Setting(80, auxiliary="none"),
    "scratch 320": Setting(320, auxiliary="none"),
    "shared 0": Setting(shared=0.0),
    "shared 0, 80": Setting(80, shared=0.0),
    "shared 0, 320": Setting(320, shared=0.0),
    "shared 1": Setting(shared=1.0),
    "shared 1, 80": Setting(80, shared=1.0),
    "shared 1, 320": Setting(320, shared=1.0),
    "more plants": Setting(FEW, shared=1.0, auxiliary="more plants"),
    "none missing": Setting(missing=0.0),
    "most missing": Setting(missing=0.9),
    "permuted T1": Setting(auxiliary="permuted"),
    "permuted ionome": Setting(ionome="permuted"),
    "one replicate, scratch": Setting(auxiliary="none", ionome="one replicate"),
    "one replicate, shared 1": Setting(shared=1.0, ionome="one replicate"),
    "more plants, 160": Setting(auxiliary="more plants"),
}
"""Every setting of the study by name."""
FOLLOWED = (*HEADLINE, "shared 0", "permuted T1", "more plants, 160")
"""Settings that are scored after each of the CURVE's epochs."""


class Plants(NamedTuple):
    """One panel of plants with its traits and rows.

    Attributes
    ----------
    counts : DistinctGenes
        Variants of each gene and type, as they are.
    country : int array of shape (n,)
    K : float array of shape (n, n)
        Kinship from the variants.
    ionome, genetic : float arrays of shape (n, 36)
    auxiliary : dict of float arrays of shape (n, 288)
        By (shared, missing).
    permuted : float array of shape (n, 36)
        The ionome dealt to other plants of the same country.
    single : float array of shape (n, 36)
        The first of the ionome's replicates.
    test : int array
    train : dict of int arrays
        By size; the smaller ones are parts of the larger.
    """

    counts: DistinctGenes
    country: np.ndarray
    K: np.ndarray
    ionome: np.ndarray
    genetic: np.ndarray
    auxiliary: dict
    permuted: np.ndarray
    single: np.ndarray
    test: np.ndarray
    train: dict


def draw_plants(replicate: int, settings=SETTINGS) -> Plants:
    """A panel of MANY + N_TEST plants and the traits that the settings need.

    The ionome is the same whatever the auxiliary phenotypes share with it.
    """
    n = max(SIZES) + N_TEST
    panel = simulate_plants(n, N_GENES, random_state=np.random.default_rng([SEED, replicate, 0]))
    wanted = {(s.shared, s.missing) for s in settings.values() if s.auxiliary != "none"}
    traits = {}
    for shared, missing in sorted(wanted):
        traits[shared, missing] = simulate_ionome(
            panel,
            shared_biology=shared,
            auxiliary_missing=missing,
            random_state=np.random.default_rng([SEED, replicate, 1]),
        )
    ionome = next(iter(traits.values()))
    rng = np.random.default_rng([SEED, replicate, 2])
    order = rng.permutation(n)
    return Plants(
        counts=distinct_genes(panel.tensor.astype(np.float32)),
        country=panel.country,
        K=kinship(panel.variants),
        ionome=ionome.means,
        genetic=ionome.genetic,
        auxiliary={key: value.auxiliary for key, value in traits.items()},
        permuted=ionome.means[shuffled_within(panel.country, rng)],
        single=ionome.replicates[:, :, 0],
        test=np.sort(order[:N_TEST]),
        train={size: np.sort(order[N_TEST : N_TEST + size]) for size in SIZES},
    )


def shuffled_within(groups, rng) -> np.ndarray:
    """An order of the rows that moves each row within its group only."""
    order = np.arange(len(groups))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        order[rows] = rng.permutation(rows)
    return order


def standardised(counts: DistinctGenes, train) -> DistinctGenes:
    """Counts less their mean over their standard deviation, over all entries of training plants."""
    number = np.bincount(counts.index[train].ravel(), minlength=len(counts.vectors))
    vectors = counts.vectors.double().numpy()
    entries = number.sum() * vectors.shape[1]
    mean = (number @ vectors).sum() / entries
    sd = np.sqrt((number @ (vectors - mean) ** 2).sum() / entries)
    return DistinctGenes((counts.vectors - mean) / sd, counts.index)


def score_within(Y, prediction, country) -> float:
    """Mean over traits of the correlation after taking off each country's mean from both.

    Parameters
    ----------
    Y, prediction : float arrays of shape (n, T)
        Without missing values.
    country : int array of shape (n,)

    Returns
    -------
    float
    """
    return float(np.mean(correlations(_within(Y, country), _within(prediction, country))))


def _within(values, country):
    _, codes, counts = np.unique(country, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, codes, values)
    return values - (sums / counts[:, None])[codes]


@dataclass
class Job:
    """One setting on one panel: what its networks learn from, and the networks."""

    replicate: int
    name: str
    setting: Setting
    plants: Plants
    inputs: DistinctGenes = field(init=False)
    first: Galiana | None = None
    second: Galiana | None = None
    heads: dict = field(default_factory=dict)

    def __post_init__(self):
        self.inputs = standardised(self.plants.counts, self.train)

    @property
    def train(self):
        """Rows of the ionome's training plants."""
        return self.plants.train[self.setting.size]

    @property
    def first_rows(self):
        """Rows that the first training sees."""
        if self.setting.auxiliary == "leak":
            return np.sort(np.concatenate([self.train, self.plants.test]))
        return self.plants.train[MANY] if self.setting.auxiliary == "more plants" else self.train

    @property
    def ionome(self):
        """What the second training learns from."""
        kinds = {"permuted": self.plants.permuted, "one replicate": self.plants.single}
        return kinds.get(self.setting.ionome, self.plants.ionome)

    @property
    def truth(self):
        """What predictions are scored against: means of six replicates, permuted or not."""
        permuted = self.setting.ionome == "permuted"
        return self.plants.permuted if permuted else self.plants.ionome

    def rng(self, stream):
        """A generator of this setting's own; networks of one panel and size start alike."""
        place = 0 if stream % 2 == 0 else 1 + list(SETTINGS).index(self.name)
        return np.random.default_rng([SEED, self.replicate, 3, stream, self.setting.size, place])

    def first_targets(self):
        """Auxiliary phenotypes, standardised on the rows that the first training sees."""
        Y = self.plants.auxiliary[self.setting.shared, self.setting.missing]
        if self.setting.auxiliary == "permuted":
            Y = Y.copy()
            Y[self.train] = Y[self.rng(9).permutation(self.train)]
        return standardise_targets(Y, self.first_rows)

    def score(self, prediction) -> float:
        """See `score_within`, on the left-out plants."""
        test = self.plants.test
        return score_within(self.truth[test], prediction, self.plants.country[test])

    def rows(self, model, inputs, method, epoch):
        """A row of the table."""
        r = self.score(predict(model, inputs[self.plants.test]))
        r_train = score_within(
            self.ionome[self.train],
            predict(model, inputs[self.train]),
            self.plants.country[self.train],
        )
        key = {"setting": self.name, "replicate": self.replicate, "method": method}
        return key | {"epoch": epoch, "r": r, "r_train": r_train}


def run_networks(plants: dict, names) -> list[dict]:
    """All networks of some settings on some panels, those of one size side by side.

    Parameters
    ----------
    plants : dict of Plants
        By replicate.
    names : sequence of str
        Names in SETTINGS.

    Returns
    -------
    list of dict
        Rows with keys setting, replicate, method, epoch, r and r_train.
    """
    jobs = [Job(r, name, SETTINGS[name], p) for r, p in plants.items() for name in names]
    _first_trainings([job for job in jobs if job.setting.auxiliary != "none"])
    return _second_trainings(jobs) + _heads([job for job in jobs if job.first is not None])


def _by_size(jobs, size):
    groups = {}
    for job in jobs:
        groups.setdefault(size(job), []).append(job)
    return groups.values()


def _first_trainings(jobs):
    for group in _by_size(jobs, lambda job: len(job.first_rows)):
        for job in group:
            n_tasks = job.plants.auxiliary[job.setting.shared, job.setting.missing].shape[1]
            start = torch_generator(job.rng(0))
            job.first = Galiana(N_GENES, n_tasks=n_tasks, generator=start)
        train_together(
            [job.first for job in group],
            [job.inputs for job in group],
            [job.first_targets() for job in group],
            [job.first_rows for job in group],
            generators=[job.rng(1) for job in group],
            epochs=EPOCHS,
        )


def _second_trainings(jobs):
    rows = []
    for group in _by_size(jobs, lambda job: job.setting.size):
        for job in group:
            n_tasks = job.ionome.shape[1]
            job.second = Galiana(N_GENES, n_tasks=n_tasks, generator=torch_generator(job.rng(2)))
            if job.first is not None:
                copy_body(job.first, job.second)

        def note(epoch, losses, group=group):
            for job in group:
                if epoch in (EARLY, EPOCHS) or (epoch in CURVE and job.name in FOLLOWED):
                    method = "scratch" if job.first is None else "fine-tuned"
                    rows.append(job.rows(job.second, job.inputs, method, epoch))

        train_together(
            [job.second for job in group],
            [job.inputs for job in group],
            [standardise_targets(job.ionome, job.train) for job in group],
            [job.train for job in group],
            generators=[job.rng(4) for job in group],
            epochs=EPOCHS,
            on_epoch=note,
        )
    return rows


def _heads(jobs):
    rows = []
    for width in (200, 500):
        chosen = [job for job in jobs if width == 500 or job.name in HEADLINE]
        for group in _by_size(chosen, lambda job: job.setting.size):
            heads = [
                FrozenHead(
                    width, n_tasks=job.ionome.shape[1], generator=torch_generator(job.rng(6))
                )
                for job in group
            ]
            codes = [encodings(job.first, job.inputs) for job in group]
            train_together(
                heads,
                codes,
                [standardise_targets(job.ionome, job.train) for job in group],
                [job.train for job in group],
                generators=[job.rng(8) for job in group],
                epochs=EPOCHS,
            )
            for job, head, code in zip(group, heads, codes, strict=True):
                rows.append(job.rows(head, code, f"frozen{width}", EPOCHS))
    return rows


def encodings(model: Galiana, inputs):
    """The last hidden layer [n, 50] of a network, without gradients."""
    was_training = model.training
    model.eval()
    code = model.encode(inputs).detach()
    model.train(was_training)
    return code


def run_linear(replicate: int, plants: Plants, names) -> list[dict]:
    """GBLUP with the genomes' kernel, with one from predicted auxiliary phenotypes, and with both.

    The second kernel is the covariance, over the 288 phenotypes, of what GBLUP makes of them for
    every plant from those of the training plants: the linear counterpart of a frozen encoding.
    """
    rows = []
    for name in names:
        job = Job(replicate, name, SETTINGS[name], plants)
        kernels = {"GBLUP": plants.K}
        if job.setting.auxiliary != "none":
            transferred = predicted_kernel(plants.K, job.first_targets(), job.first_rows)
            both = (_unit(plants.K) + transferred) / 2
            kernels = {"GBLUP on T1": transferred, "GBLUP with T1": both}
        for method, K in kernels.items():
            prediction = gblup(K, job.ionome, job.train, np.arange(len(K)))
            train, test = job.train, plants.test
            fitted = score_within(job.ionome[train], prediction[train], plants.country[train])
            key = {"setting": name, "replicate": replicate, "method": method, "epoch": 0}
            rows.append(key | {"r": job.score(prediction[test]), "r_train": fitted})
    return rows


def predicted_kernel(K, Y, train) -> np.ndarray:
    """Likeness of plants in the phenotypes that GBLUP predicts for them, mean diagonal 1.

    Parameters
    ----------
    K : float array of shape (n, n)
    Y : float array of shape (n, A)
        NaN where missing.
    train : int array

    Returns
    -------
    float array of shape (n, n)
    """
    predicted = gblup(K, Y, train, np.arange(len(K)))
    predicted = predicted - predicted[train].mean(axis=0)
    return _unit(predicted @ predicted.T)


def _unit(K):
    return K / np.mean(np.diag(K))


def run_ceiling(replicate: int, plants: Plants) -> list[dict]:
    """What the true genetic values would score on the left-out plants."""
    test = plants.test
    r = score_within(plants.ionome[test], plants.genetic[test], plants.country[test])
    key = {"setting": "scratch", "replicate": replicate, "method": "true genetic values"}
    return [key | {"epoch": 0, "r": r, "r_train": np.nan}]


def linear_study(blup, reliabilities, rho, rng, *, n=100, n_markers=200, replicates=30) -> dict:
    """Squared accuracies of a linear prediction with and without a second trait.

    Markers are independent, all effects Gaussian; the second trait has a reliability of 0.4.

    Parameters
    ----------
    blup : callable
        ``blup(X, y, trait, X_new, rho, noise)``: genetic values of trait 0 in new plants.
    reliabilities : sequence of float
        Of the trait that is predicted, in (0, 1].
    rho : float
        Genetic correlation of the two traits.
    rng : numpy Generator
    n, n_markers, replicates : int
        Plants with the first trait, and as many with the second; markers; data sets.

    Returns
    -------
    dict of float arrays of shape (replicates, len(reliabilities))
        "alone", "same plants", "other plants", and "second" (the other plants' second trait as a
        predictor of itself).
    """
    shape = (replicates, len(reliabilities))
    found = {name: np.empty(shape) for name in ("alone", "same plants", "other plants", "second")}
    for i in range(replicates):
        X, X_other, X_new = rng.standard_normal((3, n, n_markers))
        b = rng.standard_normal((n_markers, 2)) / np.sqrt(n_markers)
        b[:, 1] = rho * b[:, 0] + np.sqrt(1 - rho**2) * b[:, 1]
        e, e_other = rng.standard_normal((2, n, 2))
        for j, reliability in enumerate(reliabilities):
            noise = np.array([1 / reliability - 1, 1 / 0.4 - 1])
            y, y_other = X @ b + np.sqrt(noise) * e, X_other @ b + np.sqrt(noise) * e_other
            first, second = np.zeros(n, dtype=int), np.ones(n, dtype=int)
            rows = {
                "alone": (X, y[:, 0], first),
                "same plants": (np.r_[X, X], np.r_[y[:, 0], y[:, 1]], np.r_[first, second]),
                "other plants": (
                    np.r_[X, X_other],
                    np.r_[y[:, 0], y_other[:, 1]],
                    np.r_[first, second],
                ),
            }
            for name, data in rows.items():
                g = blup(*data, X_new, rho, noise)
                found[name][i, j] = np.corrcoef(g, X_new @ b[:, 0])[0, 1] ** 2
            g = blup(X_other, y_other[:, 1], first, X_new, rho, noise[[1, 0]])
            found["second"][i, j] = np.corrcoef(g, X_new @ b[:, 1])[0, 1] ** 2
    return found


def printed_scores() -> pd.DataFrame:
    """The ionome paper's table: correlations on seeds and leaves, and weights."""
    return pd.DataFrame(
        {
            "Galiana": (0.202, 0.196, 1_443_747),
            "transf50": (0.202, 0.217, 1_443_747),
            "transf30": (0.180, 0.225, 1_443_747),
            "frozen200": (0.095, 0.100, 17_836),
            "frozen500": (0.105, 0.138, 44_536),
            "BMSNN100": (0.173, 0.216, 163_996),
            "BMSNN50": (0.172, 0.182, 98_396),
            "GPSNN": (-0.012, 0.021, 21_036),
        },
        index=["seed", "leaf", "weights"],
    ).T


def read_table(path) -> pd.DataFrame:
    """The study's table."""
    return pd.read_csv(path)


def scores(table, setting, method, epoch=None) -> pd.Series:
    """Scores of one method in one setting, by replicate."""
    chosen = table[(table.setting == setting) & (table.method == method)]
    if epoch is None:
        epoch = chosen.epoch.max()
    chosen = chosen[chosen.epoch == epoch]
    if chosen.empty:
        raise ValueError(f"setting, method, epoch: no rows of {setting!r}, {method!r}, {epoch!r}.")
    return chosen.set_index("replicate").r.sort_index()


def main_methods(table) -> dict:
    """Scores by replicate of the methods that are compared in the base setting."""
    return {
        "GBLUP": scores(table, "scratch", "GBLUP"),
        "GBLUP with T1": scores(table, "base", "GBLUP with T1"),
        "GBLUP on T1 alone": scores(table, "base", "GBLUP on T1"),
        "from scratch": scores(table, "scratch", "scratch"),
        "transf50": scores(table, "base", "fine-tuned", EPOCHS),
        "transf30": scores(table, "base", "fine-tuned", EARLY),
        "frozen500": scores(table, "base", "frozen500"),
        "frozen200": scores(table, "base", "frozen200"),
    }


def mean_and_half(values) -> tuple:
    """Means over the first axis and half the widths of their 95 % intervals (Student's)."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        raise ValueError(f"values: got {n} row, expected at least 2.")
    return values.mean(axis=0), t.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)


def difference(a: pd.Series, b: pd.Series) -> tuple[float, float, int]:
    """Mean of paired differences a - b, half the width of its 95 % interval, and their number.

    The interval is Student's, over panels that both series hold.
    """
    gap = (a - b).dropna()
    if len(gap) < 2:
        raise ValueError(f"a, b: got {len(gap)} panels in common, expected at least 2.")
    mean, half = mean_and_half(gap)
    return float(mean), float(half), len(gap)
