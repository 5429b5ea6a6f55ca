"""The elastic net benchmark runs and compares like with like (no times are asserted)."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "coordinate_descent.py"


def test_quick_benchmark(capsys):
    specification = importlib.util.spec_from_file_location("benchmark_coordinates", SCRIPT)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    rows = benchmark.main(["--quick"])
    assert len(rows) == len(benchmark.L1_RATIOS) * len(benchmark.CLOSE_ENOUGH)
    for row in rows:
        assert abs(float(row["excess_ours"])) <= row["within"]
        assert abs(float(row["excess_sklearn"])) <= row["within"]
        assert row["largest_model"] > 1
    assert "time_ratio" in capsys.readouterr().out
