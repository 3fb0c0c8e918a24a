"""Each role stops and goes on: shortly, and for longer than it takes to be called dead (4 s)."""

import signal
import time
from contextlib import ExitStack

import pytest

from blockstore.errors import AlreadyBeingCreatedException
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
    pause(cluster, role, 1.0, "/short")
    if role != "namenode":
        # The NameNode's is in test_partitions.py.
        pause(cluster, role, 5.0, "/long")


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
