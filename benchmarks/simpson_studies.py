"""Smaller studies of chapter 61 on simulated plants, one row a quantity of a data set.

    python benchmarks/simpson_studies.py [--seconds 240]

``breeder``: what cross-validation promises a breeder in a new country, and what she gets;
``objectives``: old and new lines in old and new environments; ``controls``: tests where there is
nothing to find; ``countries``: country told from genome and from ionome. Rows are appended to
``benchmarks/simpson_studies.csv`` as they are finished, and only missing ones are computed.
``benchmarks/simpson_maps.csv`` holds the t-SNE maps of the first panel.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.book.studies import simpson as studies
from gitools.book.studies import simpson_networks as networks

TABLE = Path(__file__).with_suffix(".csv")
MAPS = Path(__file__).with_name("simpson_maps.csv")
REPLICATES = {"breeder": 50, "objectives": 50, "controls": 10, "countries": 4}
PERPLEXITIES = (5, 30, 90)
WEAKER_SHARES = (0.01, 0.03, 0.1)
N_SETS = 10


def run_breeder(data, replicate, rng) -> dict[str, float]:
    """One of the six large countries after the first is new, in turn."""
    return studies.breeder(data, 1 + replicate % 6, rng)


def run_objectives(data, replicate, rng) -> dict[str, float]:
    """The four prediction objectives."""
    return studies.objectives(data.kinship, rng)


def run_controls(data, replicate, rng) -> dict[str, float]:
    """Rejections at 5 per cent of two tests where there is nothing to find."""
    p = studies.permutation_p_values(data, rng)
    cells = [studies.overcounting_p_value(data, rng) for _ in range(N_SETS)]
    return {
        "permutation rejections": int((p <= 0.05).sum()),
        "permutation tests": len(p),
        "cell rejections": int((np.array(cells) <= 0.05).sum()),
        "cell tests": N_SETS,
        "soil alone": studies.field_score(data, rng),
    }


def run_countries(data, replicate, rng) -> dict[str, float]:
    """Country from genome and from ionome, by logistic regression and on t-SNE maps."""
    country = data.panel.country
    large = np.flatnonzero(np.isin(country, np.flatnonzero(np.bincount(country) > 15)))
    found = {}
    features = {"genome": studies.leading_components(data.kinship), "ionome": data.Y}
    for name, values in features.items():
        scores = networks.country_scores(values, country, rng)
        places = networks.tsne_map(values, 30, replicate)
        found |= {f"{name} F1": scores[0], f"{name} MCC": scores[1]}
        found[f"{name} purity"] = networks.neighbour_purity(places[large], country[large])
    for share in WEAKER_SHARES:
        traits = networks.draw_traits(data.panel, share, rng)
        found[f"ionome MCC at {share}"] = networks.country_scores(traits, country, rng)[1]
    return found


RUNS = {
    "breeder": run_breeder,
    "objectives": run_objectives,
    "controls": run_controls,
    "countries": run_countries,
}


def write_maps() -> None:
    """t-SNE maps of the first panel and of noise; predictions of the panel's first trait."""
    data = networks.draw_data(np.random.default_rng([61, 1, 0]))
    noise = np.random.default_rng([61, 9]).standard_normal((len(data.Y), 20))
    columns = {"country": data.panel.country}
    sources = {
        "genome": studies.leading_components(data.kinship),
        "ionome": data.Y / data.Y.std(axis=0),
        "noise": noise,
    }
    for name, values in sources.items():
        for perplexity in PERPLEXITIES if name != "ionome" else (30,):
            places = networks.tsne_map(values, perplexity, 0)
            columns |= {f"{name} {perplexity} {axis}": places[:, k] for k, axis in enumerate("xy")}
    # A place is a tenth of a degree wide, so that some plants share it.
    places = data.panel.coordinates.round(1)
    rng = np.random.default_rng([61, 10])
    folds = studies.folds_of("random", data.panel, rng)
    columns |= {"latitude": places[:, 0], "longitude": places[:, 1], "fold": folds}
    y = data.Y[:, :1] / data.Y[:, :1].std()
    columns["measured"] = y[:, 0]
    columns["GPSNN"] = networks.gps_predictions(places, y, folds, rng)[:, 0]
    columns["Galiana"] = networks.galiana_predictions(
        data.panel, data.panel.tensor, "global", y, folds, rng
    )[:, 0]
    table = pd.DataFrame(columns).round({**dict.fromkeys(columns, 2), "GPSNN": 7})
    table.to_csv(MAPS, index=False, lineterminator="\n")


def main(seconds) -> None:
    """Compute what is missing, until it is done or the time is up."""
    done = set()
    if TABLE.exists():
        table = pd.read_csv(TABLE)
        done = set(zip(table["study"], table["replicate"], strict=True))
    started = time.monotonic()
    quiet = bool(os.environ.get("GITOOLS_QUIET"))
    if not MAPS.exists():
        write_maps()
    for replicate in tqdm(range(max(REPLICATES.values())), disable=quiet):
        missing = [s for s, n in REPLICATES.items() if replicate < n and (s, replicate) not in done]
        if not missing:
            continue
        if time.monotonic() - started > seconds:
            return
        data = networks.draw_data(np.random.default_rng([61, 1, replicate]))
        for study in missing:
            rng = np.random.default_rng([61, 5 + list(RUNS).index(study), replicate])
            found = RUNS[study](data, replicate, rng)
            rows = pd.DataFrame(
                {
                    "study": study,
                    "replicate": replicate,
                    "quantity": list(found),
                    "value": list(found.values()),
                }
            ).round(4)
            rows.to_csv(
                TABLE, mode="a", header=not TABLE.exists(), index=False, lineterminator="\n"
            )
    table = pd.read_csv(TABLE)
    table.sort_values(["study", "replicate"], kind="stable").to_csv(
        TABLE, index=False, lineterminator="\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float("inf"))
    main(parser.parse_args().seconds)
