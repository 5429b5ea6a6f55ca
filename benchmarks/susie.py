"""SuSiE: ours beside susieR's, same data, same settings and tolerance, one thread.

Both fit ``susie(X, y, L = 10)`` with their defaults, prior and residual variances estimated, until
an iteration raises the ELBO by less than 1e-3. The time is that of the whole call, with
standardising and credible sets, in two processes that take turns. Run as
``python benchmarks/susie.py``; it prints one table and writes it to benchmarks/susie.csv.
``--quick`` runs small sizes and writes nothing. Where R or susieR is missing, it says so and
writes nothing (Debian: ``apt install r-cran-susier``).
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.shrinkage.susie import susie

SIZES = ((1_000, 1_000), (1_000, 5_000), (10_000, 1_000))
QUICK_SIZES = ((200, 100), (100, 200))
N_CAUSAL, HERITABILITY, N_EFFECTS, REPEATS, N_LOCI = 3, 0.1, 10, 3, 3
COLUMNS = (
    "n",
    "p",
    "locus",
    "iterations_ours",
    "iterations_susier",
    "seconds_ours",
    "seconds_susier",
    "time_ratio",
    "elbo_difference",
    "largest_pip_difference",
)
_THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
_R_FIT = """
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]; n <- as.integer(arguments[2]); p <- as.integer(arguments[3])
read <- function(name, size) readBin(file.path(folder, name), "double", size)
X <- matrix(read("X.bin", n * p), n, p); y <- read("y.bin", n)
suppressPackageStartupMessages(library(susieR))
seconds <- system.time(fit <- susie(X, y, L = as.integer(arguments[4])))[["elapsed"]]
writeBin(as.double(fit$pip), file.path(folder, "pip.bin"))
cat(sprintf("%.6f %d %.10f", seconds, fit$niter, tail(fit$elbo, 1)))
"""
_R_VERSIONS = """
cat(as.character(packageVersion("susieR")), basename(dirname(extSoftVersion()[["BLAS"]])))
"""


def simulate(n, p, rng):
    """Dosages whose LD decays along the locus, and a trait with a few causal variants."""
    frequency = rng.uniform(0.05, 0.5, size=p)
    threshold = norm.ppf(frequency)
    X = np.zeros((n, p))
    for _ in range(2):
        latent = np.empty((n, p))
        latent[:, 0] = rng.standard_normal(n)
        for j in range(1, p):
            latent[:, j] = 0.95 * latent[:, j - 1] + np.sqrt(1 - 0.95**2) * rng.standard_normal(n)
        X += latent < threshold
    causal = rng.choice(p, N_CAUSAL, replace=False)
    genetic = (X[:, causal] - X[:, causal].mean(axis=0)) / X[:, causal].std(axis=0)
    genetic = genetic @ rng.choice([-1.0, 1.0], N_CAUSAL)
    genetic *= np.sqrt(HERITABILITY / (1 - HERITABILITY)) / genetic.std()
    return X, genetic + rng.standard_normal(n)


def run_r(script, *arguments):
    """What an R script prints, with one thread."""
    command = ["Rscript", "--vanilla", "-e", script, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **_THREADS}
    )
    return done.stdout.split()


def susier_versions():
    """Version of susieR and the BLAS it uses, or None where they are not."""
    if shutil.which("Rscript") is None:
        return None
    try:
        return run_r(_R_VERSIONS)
    except subprocess.CalledProcessError:
        return None


def time_ours(X, y):
    """Seconds of one fit, and the fit."""
    begin = time.perf_counter()
    fit = susie(X, y, N_EFFECTS)
    return time.perf_counter() - begin, fit


def time_theirs(folder, n, p):
    """Seconds of one fit of susieR, its iterations, ELBO and PIPs."""
    seconds, iterations, elbo = run_r(_R_FIT, folder, n, p, N_EFFECTS)
    return float(seconds), int(iterations), float(elbo), np.fromfile(folder / "pip.bin")


def compare(n, p, locus, repeats):
    """One row of the table: the shortest of several fits of each, which take turns."""
    X, y = simulate(n, p, np.random.default_rng([n, p, locus]))
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        X.ravel(order="F").tofile(folder / "X.bin")
        y.tofile(folder / "y.bin")
        for _ in range(repeats):
            seconds, fit = time_ours(X, y)
            ours.append(seconds)
            seconds, iterations, elbo, pip = time_theirs(folder, n, p)
            theirs.append(seconds)
    return {
        "n": n,
        "p": p,
        "locus": locus,
        "iterations_ours": fit.n_iter,
        "iterations_susier": iterations,
        "seconds_ours": f"{min(ours):.3f}",
        "seconds_susier": f"{min(theirs):.3f}",
        "time_ratio": f"{min(ours) / max(min(theirs), 1e-3):.2f}",
        "elbo_difference": f"{fit.elbos[-1] - elbo:.1e}",
        "largest_pip_difference": f"{np.abs(fit.pip - pip).max():.1e}",
    }


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    versions = susier_versions()
    if versions is None:
        print("SuSiE: skipped, R with susieR is not here (Debian: apt install r-cran-susier)")
        return []
    print(
        f"SuSiE, L = {N_EFFECTS}, 1 thread: gitools with {blas_name()}, "
        f"susieR {versions[0]} with {' '.join(versions[1:])}"
    )
    rows = (
        compare(n, p, locus, repeats=1 if quick else REPEATS)
        for n, p in (QUICK_SIZES if quick else SIZES)
        for locus in range(1 if quick else N_LOCI)
    )
    with threadpool_limits(1):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
