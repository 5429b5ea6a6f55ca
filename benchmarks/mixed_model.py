"""Mixed-model scan, variance ratio by REML anew for every variant, beside GEMMA and a dense search.

GEMMA (Zhou and Stephens 2012; Debian's package ``gemma``) gets the same genotypes, trait and
kinship matrix on one thread; without it on the PATH its row is left out. Seconds are of the
processor, eigendecomposition included and reading files left out (GEMMA's from its own log). The
dense search maximises the multivariate normal restricted likelihood of a few variants with n by n
matrices, to 1e-10 in the log-odds of the ratio, knowing nothing of eigenvectors. Run as ``python
benchmarks/mixed_model.py``; it prints one table and writes it to benchmarks/mixed_model.csv.
``--quick`` runs a small size and writes nothing.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.special import expit
from threadpoolctl import threadpool_limits

from gitools.association import kinship, log10_p, mixed_model_scan
from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.data import arabidopsis_genotypes

COLUMNS = ("data", "n", "p", "method", "seconds", "ratio", "peak_mb", "worst_error", "compared")
N_DENSE, N_DENSE_QUICK = 10, 3


def simulate(n, p, rng):
    """Dosages of two populations, in columns, and a trait with a few hundred small effects."""
    X = np.empty((n, p), dtype=np.int8, order="F")
    for j in range(p):
        f = np.clip(rng.uniform(0.1, 0.9) + rng.normal(0, 0.05, 2), 0.02, 0.98)
        X[:, j] = rng.binomial(2, np.repeat(f, [n // 2, n - n // 2]))
    return X, trait(X, rng)


def trait(X, rng):
    """Effects of 200 variants, half of the variance."""
    causal = X[:, :: max(1, X.shape[1] // 200)].astype(float)
    g = causal @ rng.normal(size=causal.shape[1])
    return (g - g.mean()) / g.std() + rng.normal(size=len(X))


def timed(function):
    begin = time.process_time()
    result = function()
    return time.process_time() - begin, result


def peak_megabytes(function):
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def dense_log10_p(x, y, K):
    """Wald's test after a search for the ratio on the dense restricted likelihood."""
    Z, dV = np.column_stack([np.ones(len(y)), x]), K - np.eye(len(y))
    nu = len(y) - 2

    def parts(t):
        V = np.eye(len(y)) + expit(t) * dV
        factor = cho_factor(V)
        VZ, Vy = cho_solve(factor, Z), cho_solve(factor, y)
        A = Z.T @ VZ
        b = np.linalg.solve(A, Z.T @ Vy)
        return factor, VZ, A, b, Vy - VZ @ b

    def score(t):
        factor, VZ, A, b, Py = parts(t)
        # trace(P dV), with P the inverse of V less what the fixed effects take.
        trace = np.trace(cho_solve(factor, dV)) - np.trace(np.linalg.solve(A, VZ.T @ dV @ VZ))
        return nu * (Py @ dV @ Py) / (Py @ (y - Z @ b)) - trace

    grid = np.linspace(-6, 6, 7)
    values = [score(t) for t in grid]
    at = next(k for k in range(6) if values[k] > 0 >= values[k + 1])
    best = brentq(score, grid[at], grid[at + 1], xtol=1e-10)
    _, _, A, b, Py = parts(best)
    se = np.sqrt(Py @ (y - Z @ b) / nu * np.linalg.inv(A)[1, 1])
    return log10_p(b[1] / se, nu)


def worst_error(ours, theirs):
    return f"{np.max(np.abs(ours / theirs - 1)):.1e}"


def gemma(X, y, K):
    """GEMMA's seconds and log10 p, or None where it is not installed."""
    program = shutil.which("gemma")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with open(folder / "genotypes", "w", encoding="utf-8") as file:
            for j, column in enumerate(X.T):
                file.write(f"v{j}, A, T, " + ", ".join(map(str, column)) + "\n")
        np.savetxt(folder / "trait", y, fmt="%.17g")
        np.savetxt(folder / "kinship", K, fmt="%.17g")
        call = [program, "-g", "genotypes", "-p", "trait", "-k", "kinship", "-lmm", "1"]
        call += ["-notsnp", "-maf", "0", "-r2", "1", "-o", "scan"]
        one = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run(call, cwd=folder, env=one, check=True, capture_output=True)
        log = (folder / "output" / "scan.log.txt").read_text(encoding="utf-8")
        minutes = re.findall(
            r"time on (?:eigen|calculating UtX|optimization).*= *([\d.e-]+) min", log
        )
        table = np.genfromtxt(folder / "output" / "scan.assoc.txt", names=True, dtype=None,
                              encoding="utf-8")  # fmt: skip
        order = [int(name[1:]) for name in table["rs"]]
        log_p = np.full(X.shape[1], np.nan)
        log_p[order] = np.log10(table["p_wald"])
        return 60 * sum(map(float, minutes)), log_p


def against_gemma(n, p, n_dense):
    """Our scans, GEMMA's, and the dense search, on one data set."""
    rng = np.random.default_rng(1)
    X, y = simulate(n, p, rng)
    K = kinship(X)
    size = {"data": "two populations", "n": n, "p": p}
    ours, scan = timed(lambda: mixed_model_scan(X, y, K))
    some = rng.choice(p, n_dense, replace=False)
    dense, log_p = timed(lambda: np.array([dense_log10_p(X[:, j], y, K) for j in some]))
    rows = [
        {
            "method": "gitools, exact",
            "seconds": f"{ours:.1f}",
            "worst_error": worst_error(scan.log10_p[some], log_p),
            "compared": n_dense,
        }
    ]
    clear = scan.log10_p < -2
    quick, approximate = timed(lambda: mixed_model_scan(X, y, K, exact=False))
    rows.append(
        {
            "method": "gitools, ratio of the null",
            "seconds": f"{quick:.1f}",
            "ratio": f"{quick / ours:.2f}",
            "worst_error": worst_error(approximate.log10_p[clear], scan.log10_p[clear]),
            "compared": clear.sum(),
        }
    )
    peer = gemma(X, y, K)
    if peer is not None:
        rows.append(
            {
                "method": "GEMMA",
                "seconds": f"{peer[0]:.1f}",
                "ratio": f"{peer[0] / ours:.1f}",
                "worst_error": worst_error(peer[1], scan.log10_p),
                "compared": p,
            }
        )
    each = dense / n_dense
    rows.append(
        {
            "method": "dense search, all variants extrapolated",
            "seconds": f"{each * p:.0f}",
            "ratio": f"{each * p / ours:.0f}",
            "compared": n_dense,
        }
    )
    return [size | row for row in rows]


def alone(name, X, y, exact):
    """Our scans of a larger data set; memory above the data, on its first variants."""
    size, rows = {"data": name, "n": X.shape[0], "p": X.shape[1]}, []
    K_seconds, K = timed(lambda: kinship(X))
    rows.append({"method": "gitools, kinship", "seconds": f"{K_seconds:.1f}"})
    for exactly in exact:
        taken, _ = timed(lambda exactly=exactly: mixed_model_scan(X, y, K, exact=exactly))
        method = "gitools, exact" if exactly else "gitools, ratio of the null"
        rows.append({"method": method, "seconds": f"{taken:.1f}"})
    few = X[:, :2_000]
    rows[1]["peak_mb"] = f"{peak_megabytes(lambda: mixed_model_scan(few, y, K)):.0f}"
    return [size | row for row in rows]


def rows(quick):
    if quick:
        yield from against_gemma(150, 200, N_DENSE_QUICK)
        return
    yield from against_gemma(1_000, 20_000, N_DENSE)
    cress = np.asfortranarray(arabidopsis_genotypes().genotypes)
    yield from alone("thale cress", cress, trait(cress, np.random.default_rng(2)), (True, False))
    large = simulate(2_000, 100_000, np.random.default_rng(3))
    yield from alone("two populations", *large, (True,))


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print(f"mixed-model scan, one thread, {blas_name()}")
    with threadpool_limits(1):
        path = Path(__file__).with_suffix(".csv")
        return run_table(path, COLUMNS, rows(quick), quick=quick)


if __name__ == "__main__":
    main()
