"""The benchmark of marginal regression runs and compares like with like (no times asserted)."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "marginal_regression.py"


def test_quick_benchmark(capsys):
    specification = importlib.util.spec_from_file_location("benchmark_marginal", SCRIPT)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    rows = benchmark.main(["--quick"])
    assert [(row["n"], row["p"]) for row in rows] == list(benchmark.QUICK_SIZES)
    assert float(rows[0]["largest_difference"]) < 1e-10
    assert "time_ratio" in capsys.readouterr().out
