"""Each role stops and goes on: shortly, for longer than until it is called dead, for a minute."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from blockstore.datanode.daemon import DataNodeSettings
from blockstore.errors import AlreadyBeingCreatedException
from blockstore.namenode.config import NameNodeConfig
from tests.cluster.daemons import DATANODE_SETTINGS, NAMENODE_SETTINGS, StoreCluster
from tests.cluster.pauses import ROLES, Writer, pause, piece

pytestmark = pytest.mark.cluster

# A twelfth of what they are: five seconds are a minute.
SCALE = 12
MINUTE_S = 60.0 / SCALE
DATANODES_PATIENCE = {"pipeline_setup_s": 10.0 / SCALE, "pipeline_ack_s": 30.0 / SCALE}
CLIENTS_PATIENCE = {"pipeline_setup_s": 15.0 / SCALE, "pipeline_ack_s": 35.0 / SCALE}


@pytest.mark.parametrize("role", ROLES)
def test_a_process_that_stops_for_a_while_costs_no_byte(cluster, role):
    cluster.start(3)
    pause(cluster, [role], 1.0, "/short")
    if role != "namenode":
        # The NameNode's is in test_partitions.py.
        pause(cluster, [role], 5.0, "/long")


def start_with_defaults(cluster, datanodes):
    """With all times as they are when nobody says otherwise."""
    namenode, datanode = NameNodeConfig(), DataNodeSettings()
    cluster.start_namenode(
        **{name: getattr(namenode, name) for name in NAMENODE_SETTINGS if name != "block_bytes"}
    )
    times = {name: getattr(datanode, name) for name in DATANODE_SETTINGS if name != "scan_period_s"}
    for number in range(datanodes):
        cluster.spawn_datanode(number, **times)
    for number in range(datanodes):
        cluster.await_datanode(number)


def test_no_pause_up_to_a_minute_costs_a_byte(tmp_path):
    """Several clusters stand still at the same time: that takes a minute, and little work."""

    def of_one_cluster(number, datanodes, *pauses):
        root = tmp_path / str(number)
        root.mkdir()
        found = StoreCluster(root)
        ending.callback(found.close)
        start_with_defaults(found, datanodes)
        for at, (seconds, *roles) in enumerate(pauses):
            pause(found, roles, seconds, f"/file-{at}", interval_s=0.2)

    with ExitStack() as ending, ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(of_one_cluster, 0, 2, (60.0, "namenode")),
            pool.submit(of_one_cluster, 1, 3, (60.0, "datanode", "client")),
            pool.submit(of_one_cluster, 2, 3, (20.0, "datanode", "client"), (20.0, "namenode")),
        ]
        for run in runs:
            run.result()


def added_to(store, path):
    try:
        with store.open(path, "ab") as file:
            file.write(b"another's")
    except AlreadyBeingCreatedException:
        return False
    return True


def test_a_client_that_stops_for_a_minute_goes_on_unless_another_has_taken_its_file(
    cluster, eventually
):
    cluster.start_namenode(lease_soft_s=0.8 * MINUTE_S)
    for number in range(3):
        cluster.start_datanode(number, **DATANODES_PATIENCE)
    store = cluster.client()
    with ExitStack() as ending:
        kept, taken = (
            Writer(cluster.address, path, **CLIENTS_PATIENCE) for path in ["/kept", "/taken"]
        )
        for writer in (kept, taken):
            ending.callback(writer.process.wait)
            ending.callback(writer.process.kill)
            writer.process.send_signal(signal.SIGSTOP)
            ending.callback(writer.process.send_signal, signal.SIGCONT)
        time.sleep(MINUTE_S)
        eventually(lambda: added_to(store, "/taken"), "the file of who is away can be had")
        for writer in (kept, taken):
            writer.process.send_signal(signal.SIGCONT)
        count = int(kept.end())
        assert taken.end() == "LeaseExpiredException"
    with store.open("/kept") as file:
        assert file.read() == b"".join(map(piece, range(count)))
    with store.open("/taken") as file:
        data = file.read()
    assert data.endswith(b"another's")
    flushed = data.removesuffix(b"another's")
    assert len(flushed) >= 3 * len(piece(0))
    assert b"".join(map(piece, range(len(flushed) // len(piece(0)) + 1))).startswith(flushed)
