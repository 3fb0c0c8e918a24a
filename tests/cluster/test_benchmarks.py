"""The benchmarks run; what they find is nothing for a test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.cluster


def test_every_benchmark_of_the_store_runs_in_its_quick_size(tmp_path: Path) -> None:
    names = ["store", "namespace", "restart", "listing", "shell"]
    command = [sys.executable, "-m", "benchmarks", *names, "--quick", "--results", str(tmp_path)]
    table = subprocess.run(
        command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=180
    ).stdout
    for name in names:
        rows = json.loads((tmp_path / f"{name}.json").read_text())["rows"]
        assert rows
        for row in rows:
            assert row["ours"] > 0
            assert row["what"] in table
