"""Right and wrong biology in sparse networks, on simulated plants: a study behind chapter 54.

    python benchmarks/sparse_biology_networks.py [--panels 20] [--seconds 240]

A panel has 600 plants and 200 genes in 20 pathways and a dummy; 200 plants are for testing, and
100, 200 or 400 of the others for training. Traits follow the burden architecture: a gene's damaging
variants are counted, and a share of a trait's causal genes lie together in pathways. Everything is
drawn anew for each panel, from a seed of its own. Networks are trained as in the paper (RMSprop,
batches of 10, L2 1e-4, for Galiana 1e-6) but for 20 epochs instead of 50, which is what the clock
allowed, on counts standardised per type. Rows of a panel
are appended to benchmarks/sparse_biology_networks.csv when the panel is done; panels that are there
are left out, and no panel is begun after ``--seconds`` of CPU time: run it again to go on.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gitools.association.mixed_model import gblup, kinship
from gitools.book.studies import sparse_biology as studies
from gitools.genomes import BMSNN, Galiana, count_parameters, distinct_genes
from gitools.genomes.evaluation import standardise_targets
from gitools.genomes.layers import rewire_edges
from gitools.genomes.preprocess import standardise
from gitools.genomes.training import predict, seeded, torch_generator, train
from gitools.simulate.plants import gene_scores, simulate_ionome, simulate_plants

TABLE = Path(__file__).with_suffix(".csv")
SEED, N_TEST, N_GENES, N_TRAIN = 54, 200, 200, 400
BASE, SHARES = 200, (0.0, 0.5, 1.0)
HERITABILITY, N_REPLICATES, HIDDEN, EPOCHS = 0.4, 6, 50, 20
RATIO = (1 - HERITABILITY) / HERITABILITY / N_REPLICATES
COLUMNS = ("panel", "n", "share", "model", "weights", "r", "train_r", "auc", "precision")


class World:
    """One panel, its traits for each share, and who is trained on and tested."""

    def __init__(self, number, sizes=(N_TRAIN, N_TEST, N_GENES)):
        n_train, n_test, n_genes = sizes
        rng = np.random.default_rng([SEED, 20, number])
        self.rng = np.random.default_rng([SEED, 21, number])
        self.panel = simulate_plants(n_train + n_test, n_genes, random_state=rng)
        order = rng.permutation(n_train + n_test)
        self.test, self.train = order[:n_test], order[n_test:]
        self.traits = {
            share: simulate_ionome(
                self.panel,
                "burden",
                heritability=HERITABILITY,
                pathway_share=share,
                n_replicates=N_REPLICATES,
                n_auxiliary=0,
                random_state=rng,
            )
            for share in SHARES
        }
        self.edges = self.panel.pathways
        self.rewired = rewire_edges(self.edges, random_state=rng)
        self.random = studies.random_groups(n_genes, self.panel.n_pathways, rng)
        self.dummy = self.panel.n_pathways - 1
        self.kinship = kinship(self.panel.variants, ploidy=1)

    def permuted(self, Y):
        """Rows of Y permuted within countries, the same way for all traits."""
        order = np.arange(len(Y))
        for country in np.unique(self.panel.country):
            at = np.flatnonzero(self.panel.country == country)
            order[at] = self.rng.permutation(at)
        return Y[order]

    def inputs(self, rows):
        """Gene tensor standardised per type on the training plants, as distinct vectors."""
        return distinct_genes(standardise(self.panel.tensor, "per type", train=rows))


def bmsnn(world, edges):
    """A BMSNN with 50 hidden units on the given edges."""
    n_genes = world.panel.tensor.shape[1]
    generator = torch_generator(world.rng)
    return BMSNN(edges, n_genes, world.panel.n_pathways, HIDDEN, generator=generator)


def scores(world, rows, share, Y, prediction):
    """Mean correlation within countries over the traits, among test and training plants."""
    country = world.panel.country
    return {
        "n": len(rows),
        "share": share,
        "r": studies.within_correlation(
            Y[world.test], prediction[world.test], country[world.test]
        ).mean(),
        "train_r": studies.within_correlation(Y[rows], prediction[rows], country[rows]).mean(),
    }


def recovery(world, share, saliency):
    """Causal pathways among those that a ranking puts first, the dummy left out."""
    causal = world.traits[share].causal_pathways[: world.dummy]
    ranking = saliency[: world.dummy]
    if not causal.any():
        return {}
    return {
        "auc": np.nanmean(studies.auc(ranking, causal)),
        "precision": studies.precision(ranking, causal).mean(),
    }


def side_by_side(world, rows, plan, epochs):
    """Rows of networks that are trained side by side; the plan gives name, edges, share, null."""
    inputs = world.inputs(rows)
    values = [world.traits[share].means for _, _, share, _ in plan]
    values = [world.permuted(Y) if null else Y for Y, (*_, null) in zip(values, plan, strict=True)]
    models = [bmsnn(world, edges) for _, edges, _, _ in plan]
    targets = [standardise_targets(Y, rows) for Y in values]
    studies.train_side_by_side(models, inputs, targets, rows, generator=world.rng, epochs=epochs)
    for model, Y, (name, _, share, _) in zip(models, targets, plan, strict=True):
        row = {"model": name, "weights": count_parameters(model)}
        row |= scores(world, rows, share, Y, predict(model, inputs))
        if name in ("right", "permuted"):
            saliency = studies.pathway_saliency(model, inputs[rows])
            row |= recovery(world, share, saliency)
        yield row


def alone(world, rows, epochs):
    """Rows of the networks of other makes."""
    inputs, n_genes = world.inputs(rows), world.panel.tensor.shape[1]
    Y = standardise_targets(world.traits[1.0].means, rows)
    small = studies.equal_width(count_parameters(bmsnn(world, world.edges)), n_genes)
    n_nodes = world.panel.n_pathways
    top = np.column_stack([np.arange(n_nodes), world.rng.permutation(np.arange(n_nodes) % 5)])
    top[world.dummy, 1] = 5
    ring = studies.ring_edges(world.edges, n_genes, world.dummy)
    down = (world.edges, n_genes, n_nodes)
    makers = {
        "galiana": lambda: Galiana(n_genes, generator=torch.default_generator),
        "galiana, equal size": lambda: Galiana(
            n_genes, hidden=small, generator=torch.default_generator
        ),
        "two layers": lambda: studies.SparseNetwork([down, (top, n_nodes, 6)], HIDDEN),
        "gene graph": lambda: studies.SparseNetwork([(ring, n_genes, n_genes), down], HIDDEN),
    }
    for name, make in makers.items():
        with seeded(world.rng):
            model = make()
        decay = 1e-6 if name.startswith("galiana") else 1e-4
        train(model, inputs, Y, generator=world.rng, rows=rows, epochs=epochs, weight_decay=decay)
        row = {"model": name, "weights": count_parameters(model)}
        yield row | scores(world, rows, 1.0, Y, predict(model, inputs))


def linear(world, rows, share):
    """Rows of GBLUP and of the linear predictor on damage, genes alone or mixed with pathways."""
    Y, country = world.traits[share].means, world.panel.country
    everyone = np.arange(len(Y))
    counts = np.bincount(country[rows], minlength=country.max() + 1)
    own = [k for k in range(7) if counts[k] >= 2][:-1]
    covariates = (country[:, None] == own).astype(float)
    predicted = gblup(world.kinship, Y, rows, everyone, covariates)
    yield {"model": "gblup"} | scores(world, rows, share, Y, predicted)
    damage = gene_scores(world.panel, "burden")
    n_genes = damage.shape[1]
    for name, edges, weight in (
        ("genes alone", world.edges, 0.0),
        ("pathway kernel", world.edges, 0.7),
        ("pathway kernel, rewired", world.rewired, 0.7),
    ):
        covariance = studies.shared_effects(edges, n_genes, world.dummy, weight)
        predicted = studies.kernel_predictions(
            damage, covariance, Y, country, rows, everyone, RATIO
        )
        yield {"model": name} | scores(world, rows, share, Y, predicted)


def regression(world, rows, share):
    """Recovery by the correlation of a pathway's summed damage with each trait."""
    country = world.panel.country[rows]
    damage = studies.standardised(gene_scores(world.panel, "burden"), rows)
    member = np.zeros((damage.shape[1], world.panel.n_pathways))
    member[world.edges[:, 0], world.edges[:, 1]] = 1
    Y = world.traits[share].means[rows]
    columns = (damage @ member)[rows]
    strength = np.array(
        [
            np.abs(studies.within_correlation(Y, column[:, None] + 0 * Y, country))
            for column in columns.T
        ]
    )
    return {"n": len(rows), "share": share, "model": "regression"} | recovery(
        world, share, strength
    )


def ceiling(world, share):
    """Row of the true genetic values."""
    traits = world.traits[share]
    return {"model": "genetic values"} | scores(
        world, world.train[:BASE], share, traits.means, traits.genetic
    )


def measure(number, epochs=EPOCHS, sizes=(N_TRAIN, N_TEST, N_GENES), base=BASE):
    """All rows of a panel."""
    world = World(number, sizes)
    rows = world.train[:base]
    dense = studies.dense_edges(sizes[2], world.panel.n_pathways)
    plan = [
        ("right", world.edges, 1.0, False),
        ("rewired", world.rewired, 1.0, False),
        ("random groups", world.random, 1.0, False),
        ("dense nodes", dense, 1.0, False),
        ("permuted", world.edges, 1.0, True),
    ]
    plan += [
        (name, edges, share, False)
        for share in (0.0, 0.5)
        for name, edges in (("right", world.edges), ("rewired", world.rewired))
    ]
    found = [*side_by_side(world, rows, plan, epochs), *alone(world, rows, epochs)]
    for n in (base // 2, 2 * base):
        found += side_by_side(world, world.train[:n], plan[:2], epochs)
        found += linear(world, world.train[:n], 1.0)
    for share in SHARES:
        found += [*linear(world, rows, share), regression(world, rows, share)]
        found += [ceiling(world, share)]
    return pd.DataFrame([{"panel": number} | row for row in found], columns=COLUMNS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    done = set(pd.read_csv(TABLE).panel) if TABLE.exists() else set()
    for number in range(asked.panels):
        if number in done or time.process_time() > asked.seconds:
            continue
        rows = measure(number)
        rows.to_csv(
            TABLE,
            mode="a",
            header=not TABLE.exists(),
            index=False,
            float_format="%.5f",
            lineterminator="\n",
        )
        print(f"panel {number}: {time.process_time():.0f} s", flush=True)


if __name__ == "__main__":
    main()
