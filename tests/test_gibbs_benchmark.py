"""The benchmark of sampled effects runs, and counts from the ceiling (no times are asserted)."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gibbs.py"


def test_quick_benchmark(capsys):
    specification = importlib.util.spec_from_file_location("benchmark_gibbs", SCRIPT)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    rows = benchmark.main(["--quick"])
    methods = [row["method"] for row in rows]
    assert methods == ["oracle", "gibbs", "variational", "truth"]
    assert rows[0]["relative_error"] == "1.000"
    for row in rows[:3]:
        assert float(row["error_low"]) <= float(row["relative_error"]) <= float(row["error_high"])
    assert "relative_error" in capsys.readouterr().out
