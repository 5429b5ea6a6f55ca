"""The EM benchmark runs and compares like with like (no times are asserted)."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "em.py"


def test_quick_benchmark(capsys):
    specification = importlib.util.spec_from_file_location("benchmark_em", SCRIPT)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    rows = benchmark.main(["--quick"])
    assert [row["n"] for row in rows] == list(benchmark.QUICK_SIZES)
    for row in rows:
        assert abs(float(row["loglik_difference"])) < 2 * benchmark.CLOSE_ENOUGH
        assert abs(row["iterations_ours"] - row["iterations_sklearn"]) <= 1
    assert "time_ratio" in capsys.readouterr().out
