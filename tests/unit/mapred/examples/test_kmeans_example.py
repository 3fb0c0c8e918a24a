"""The k-means example through `mapred submit`, against scikit-learn."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans as Oracle
from sklearn.datasets import load_iris

import mapred.examples

EXAMPLE = Path(mapred.examples.__file__).with_name("kmeans.py")
IRIS = load_iris().data


@pytest.fixture
def points(tmp_path) -> Path:
    path = tmp_path / "points.csv"
    np.savetxt(path, IRIS, delimiter=",", fmt="%.17g")
    np.savetxt(tmp_path / "start.csv", IRIS[[0, 60, 120]], delimiter=",", fmt="%.17g")
    return path


def submit(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mapred_cli.main", "submit", "--local", "--workers", "2"]
    return subprocess.run(
        [*command, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_example_prints_scikit_learns_centres(points):
    done = submit(
        EXAMPLE,
        points,
        "-D",
        "clusters=3",
        "-D",
        f"init={points.with_name('start.csv')}",
        "-D",
        "tol=0",
    )
    assert done.returncode == 0, done.stderr
    found = {
        int(number): json.loads(row.replace("(", "[").replace(")", "]"))
        for number, row in (line.split("\t") for line in done.stdout.splitlines())
    }
    oracle = Oracle(3, init=IRIS[[0, 60, 120]], n_init=1, tol=0).fit(IRIS)
    centres = np.array([found[number] for number in range(3)])
    np.testing.assert_allclose(centres, oracle.cluster_centers_, rtol=0, atol=1e-10)
    assert " round 1" in done.stderr
    assert f"{oracle.n_iter_} rounds" in done.stderr
    assert "converged: no centre moved" in done.stderr


def test_impossible_parameters_are_told_by_their_names(points):
    done = submit(EXAMPLE, points, "-D", "clusters=151")
    assert done.returncode != 0
    assert "clusters=151, and the input has 150 rows" in done.stderr
    assert "Traceback" not in done.stderr
