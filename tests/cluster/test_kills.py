"""The kill scripts in small; `python -m tests.cluster.killjobs` and `killstore` run them large."""

from pathlib import Path

import pytest

from benchmarks import corpus
from tests.cluster import killjobs, killstore

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_word_count_is_right_when_machines_die_in_each_phase(tmp_path: Path) -> None:
    outcomes = killjobs.campaign(tmp_path, corpus.english(20_000_000), runs=4, seed=20)
    assert [outcome.wrong for outcome in outcomes] == [""] * 4
    assert sum(outcome.hit for outcome in outcomes) >= 3


# Thirty cycles, in pieces that run side by side.
@pytest.mark.parametrize("seed", [30, 31, 32])
def test_no_acknowledged_byte_is_lost_while_machines_die(tmp_path: Path, seed: int) -> None:
    manifest, wrong = killstore.campaign(tmp_path, cycles=10, seed=seed)
    assert wrong == []
    assert len(manifest.digests) > 20
    assert manifest.changes > 10
