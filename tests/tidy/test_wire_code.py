"""The committed wire code is what protos/ generates today."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_the_generated_code_is_fresh(tmp_path):
    subprocess.run([sys.executable, ROOT / "protos" / "generate.py", tmp_path], check=True)

    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.py*")}
    assert made, "the generator made nothing"
    stale = [
        str(name)
        for name, text in made.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text() != text
    ]
    assert stale == [], "run: python protos/generate.py"


def test_no_generated_file_outlived_its_source():
    for package in ("blockstore", "mapred"):
        sources = {path.stem for path in (ROOT / "protos" / package).glob("*.proto")}
        generated = {
            path.name.partition("_pb2")[0] for path in (ROOT / package / "wire").glob("*_pb2*.py*")
        }
        assert generated == sources
