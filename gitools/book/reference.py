"""Figures of other software that the chapters compare with."""

import gzip
import json

import numpy as np

from gitools.book.root import find_root

_FOLDER = "tests/reference/gmm"


def mclust_trace(name: str, family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-likelihoods of R's mclust 6.0.0, iteration by iteration, from given labels.

    Parameters
    ----------
    name : str
        Data set: "faithful", "iris", "sim_full2d" or another of ``tests/reference/gmm``.
    family : str
        Covariance family: "full", "diag", "spherical" or "tied".

    Returns
    -------
    X : float array of shape (n, d)
        The data.
    labels : int array of shape (n,)
        Starting labels, from which the first M-step is made.
    log_likelihoods : float array of shape (15,)
        Natural log-likelihood of all samples after the first M-step, the second, and so on.

    Raises
    ------
    ValueError
        If there is no such data set, or no trace of that family.
    """
    folder = find_root() / _FOLDER
    path = folder / f"{name}.json.gz"
    if not path.is_file():
        known = sorted(p.name.split(".")[0] for p in folder.glob("*.json.gz"))
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(known)}")
    with gzip.open(path, "rt") as file:
        mclust = json.load(file)["mclust"]
    traces = mclust.get("em_trace_from_sorted_thirds", {})
    if family not in traces:
        raise ValueError(f"family: got {family!r}, expected one of {', '.join(traces)}")
    X = np.loadtxt(folder / f"{name}.csv.gz", delimiter=",", ndmin=2)
    labels = np.array(mclust["init_labels"])
    return X, labels, np.array(traces[family]["loglik_after_iter"])
