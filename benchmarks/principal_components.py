"""Ten principal components of 2,029 x 22,000 dosages: ours beside scikit-learn's PCA.

Both are given the small integers; standardising is part of the time. The matrix is the panel of
Arabidopsis accessions where it has been fetched, otherwise simulated in its shape (five
populations). Ours is exact or randomised; scikit-learn's randomised solver runs with its defaults.
The exact answer is NumPy's, from the Gram matrix in double precision; `worst_angle` is the largest
angle between a component and the exact one, in degrees. Run as
``python benchmarks/principal_components.py``; it prints one table and writes it to
benchmarks/principal_components.csv. ``--quick`` runs a small matrix and writes nothing.
"""

import time
import tracemalloc
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.data import DataError, arabidopsis_genotypes
from gitools.structure import principal_components

N_COMPONENTS, N_THREADS, REPEATS = 10, 1, 3
SHAPE, QUICK_SHAPE = (2_029, 22_000), (200, 1_000)
COLUMNS = ("data", "n", "p", "method", "seconds", "time_ratio", "peak_mb", "worst_angle")


def simulated(shape, rng):
    """Inbred lines of five populations with an FST of about 0.1."""
    ancestral = rng.uniform(0.05, 0.95, shape[1])
    frequencies = rng.beta(9 * ancestral, 9 * (1 - ancestral), (5, shape[1]))
    labels = rng.integers(5, size=shape[0])
    return (rng.random(shape) < frequencies[labels]).astype(np.int8)


def real_or_simulated(quick):
    """The panel and its name."""
    rng = np.random.default_rng(15)
    if quick:
        return simulated(QUICK_SHAPE, rng), "simulated"
    try:
        return arabidopsis_genotypes().genotypes, "accessions"
    except DataError:
        return simulated(SHAPE, rng), "simulated"


def standardise(X):
    """Columns with mean 0 and standard deviation 1, those that do not vary left out."""
    Z = X - X.mean(axis=0)
    sds = Z.std(axis=0)
    return Z[:, sds > 0] / sds[sds > 0]


def exact_scores(X):
    """Directions of the scores (n, k), from the Gram matrix in double precision."""
    Z = standardise(X)
    return np.linalg.eigh(Z @ Z.T)[1][:, ::-1][:, :N_COMPONENTS]


def sklearn_scores(X):
    """scikit-learn's randomised solver, its defaults."""
    pca = PCA(N_COMPONENTS, svd_solver="randomized", random_state=15)
    return pca.fit_transform(standardise(X))


METHODS = {
    "gitools, exact": lambda X: principal_components(X, N_COMPONENTS, ploidy=1, method="exact")[0],
    "gitools, randomised": lambda X: principal_components(
        X, N_COMPONENTS, ploidy=1, method="randomized", random_state=15
    )[0],
    "scikit-learn, randomised": sklearn_scores,
}


def seconds(X):
    """Shortest of several runs of each; they take turns, so that a busy machine slows all."""
    times = {name: [] for name in METHODS}
    for _ in range(REPEATS):
        for name, method in METHODS.items():
            begin = time.process_time()
            method(X)
            times[name].append(time.process_time() - begin)
    return {name: min(taken) for name, taken in times.items()}


def peak_megabytes(method, X):
    """Peak that a run allocates beside the dosages."""
    tracemalloc.start()
    method(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def worst_angle(scores, exact):
    """Largest angle between matching directions, in degrees."""
    cosines = np.abs((scores * exact).sum(axis=0)) / np.linalg.norm(scores, axis=0)
    return np.degrees(np.arccos(np.minimum(cosines, 1))).max()


def measure(quick):
    """One row a method."""
    X, data = real_or_simulated(quick)
    exact, times = exact_scores(X), seconds(X)
    for name, method in METHODS.items():
        yield {
            "data": data,
            "n": X.shape[0],
            "p": X.shape[1],
            "method": name,
            "seconds": f"{times[name]:.2f}",
            "time_ratio": f"{times[name] / times['scikit-learn, randomised']:.2f}",
            "peak_mb": f"{peak_megabytes(method, X):.0f}",
            "worst_angle": f"{worst_angle(method(X), exact):.3f}",
        }


def main():
    quick = asked_to_be_quick(__doc__)
    print(f"{N_THREADS} thread, {blas_name()}")
    with threadpool_limits(N_THREADS):
        run_table(Path(__file__).with_suffix(".csv"), COLUMNS, measure(quick), quick=quick)


if __name__ == "__main__":
    main()
