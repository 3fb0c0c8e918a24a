"""EIO in real processes: at the NameNode's journal, and at a DataNode's volume.

Who can't write is ended by itself with the reason, and started again as a supervisor does; clients
don't notice but for the time it takes.
"""

import random
import threading

import pytest

from blockstore.runtime.failpoint import VARIABLE

pytestmark = pytest.mark.cluster

DATA = random.Random(1).randbytes(1_500_000)


def put(store, path):
    with store.open(path, "wb", replication=2) as file:
        file.write(DATA)


def get(store, path):
    with store.open(path) as file:
        return file.read()


def test_what_was_acknowledged_before_an_error_of_a_disk_is_there_after_it(
    cluster, eventually, monkeypatch
):
    # A disk that takes some syncs, and from then on none.
    monkeypatch.setenv(VARIABLE, "journal.sync.before_sync:30:error")
    cluster.start_namenode()
    monkeypatch.setenv(VARIABLE, "openfiles.sync.before_sync:1:error")
    cluster.start_datanode(0)
    monkeypatch.delenv(VARIABLE)
    for number in (1, 2):
        cluster.start_datanode(number)
    store, ended = cluster.client(), []

    def start_again():
        ended.append(cluster.namenode.process.wait(60))
        cluster.namenode.kill()
        cluster.start_namenode()

    supervisor = threading.Thread(target=start_again)
    supervisor.start()
    for number in range(40):
        put(store, f"/file-{number}") if number % 20 == 0 else store.mkdir(f"/dir-{number}")
    supervisor.join(60)
    assert ended == [74]
    assert "the journal can't be written (" in (cluster.root / "namenode.log").read_text()
    names = {entry.name for entry in store.list("/")}
    assert names == {f"{'file' if n % 20 == 0 else 'dir'}-{n}" for n in range(40)}

    # Its only volume is ill.
    eventually(lambda: cluster.datanodes[0].process.poll() is not None, "the DataNode's end")
    assert "no storage directory can be used any more" in cluster.datanodes[0].log.read_text()
    cluster.datanodes[0].kill()
    cluster.start_datanode(0)
    assert get(store, "/file-0") == get(store, "/file-20") == DATA
    store.set_replication("/file-0", 3)
    eventually(lambda: len(store.locate("/file-0")[0].nodes) == 3, "a replica on the mended node")
    assert store.fsck("/").state == "healthy"
