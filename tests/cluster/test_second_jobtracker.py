"""Another JobTracker, started by mistake."""

import pytest

from tests.cluster.daemons import Daemon

pytestmark = pytest.mark.cluster


def test_a_second_one_refuses_to_start_however_the_store_is_spelled(mapreduce_cluster):
    cluster = mapreduce_cluster
    cluster.start(1, tasktrackers=0)
    port = cluster.address.rpartition(":")[2]
    for number, spelled in enumerate((cluster.address, f"localhost:{port}")):
        log = cluster.root / f"second-{number}.log"
        second = Daemon("mapred.jobtracker.daemon", [spelled, "127.0.0.1", 0], {}, log)
        try:
            assert second.process.wait(60) != 0
        finally:
            second.kill()
        assert f"runs at {cluster.jobtracker_address}" in log.read_text()
    cluster.jobtracker.kill()
    successor = Daemon(
        "mapred.jobtracker.daemon", [cluster.address, "127.0.0.1", 0], {}, cluster.root / "next.log"
    )
    try:
        assert successor.ready()
    finally:
        successor.kill()
