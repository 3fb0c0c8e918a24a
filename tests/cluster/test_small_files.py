"""Many files and many requests at once, in a real store."""

import random

import pytest

from blockstore.errors import FileAlreadyExistsException, FileNotFoundException

pytestmark = pytest.mark.cluster

SIZES = [0, 1, 1000, 64 * 1024, 64 * 1024 + 1, 256 * 1024, 256 * 1024 + 1, 1_500_000]


@pytest.fixture
def store(shared_cluster):
    with shared_cluster.client() as store:
        store.delete("/many", recursive=True)
        yield store


def files(count, seed=1):
    rng = random.Random(seed)
    sizes = [SIZES[n] if n < len(SIZES) else rng.randrange(3000) for n in range(count)]
    return {
        f"/many/{number % 3}/{number}": rng.randbytes(size) for number, size in enumerate(sizes)
    }


def read(store, path):
    with store.open(path) as file:
        return file.read()


def test_files_put_at_once_are_read_and_have_all_their_replicas(store, eventually):
    wanted = files(200)
    store.put_many(wanted.items(), replication=3)
    assert {path: read(store, path) for path in wanted} == wanted
    assert store.summary("/many").files == 200
    for path, data in list(wanted.items())[:20]:
        status = store.stat(path)
        assert (status.length, status.under_construction) == (len(data), False)
    eventually(
        lambda: all(len(b.nodes) == 3 for path in wanted for b in store.locate(path)),
        "three replicas of each",
    )
    assert store.fsck("/many").state == "healthy"


def test_files_that_exist_are_replaced_or_refused_each_for_itself(store):
    store.put_many([("/many/a", b"old")])
    with pytest.raises(FileAlreadyExistsException):
        store.put_many([("/many/a", b"new"), ("/many/b", b"new")], overwrite=False)
    assert (read(store, "/many/a"), read(store, "/many/b")) == (b"old", b"new")
    store.put_many([("/many/a", b"new")])
    assert read(store, "/many/a") == b"new"


def test_a_batch_raises_its_first_refusal_and_has_done_the_rest(store):
    batch = store.batch()
    batch.mkdir("/many/made")
    batch.rename("/many/nothing", "/many/something")
    length = batch.stat("/many/made")
    gone = batch.delete("/many/made")
    with pytest.raises(FileNotFoundException, match="/many/nothing"), batch:
        pass
    assert length.result().is_directory
    assert gone.result()
    assert not store.exists("/many/made")


def test_a_datanode_that_is_gone_costs_no_file(cluster, eventually):
    cluster.start(3)
    store = cluster.client()
    store.put_many(files(3).items())
    cluster.datanodes[1].kill()
    wanted = files(12, seed=2)
    alone = {f"/many/alone/{number}": b"%d" % number for number in range(6)}
    for path, data in alone.items():
        with store.open(path, "wb", replication=3) as file:
            file.write(data)
    store.put_many(wanted.items(), replication=3)
    wanted |= alone
    assert {path: read(store, path) for path in wanted} == wanted
    assert not any(store.stat(path).under_construction for path in wanted)
    cluster.start_datanode(1)
    eventually(
        lambda: all(len(b.nodes) == 3 for path in wanted for b in store.locate(path)),
        "three replicas of each",
    )


def test_what_is_too_large_to_travel_together_leaves_what_is_there(store):
    store.put_many([("/many/a", b"old")])
    large = bytes(256 * 1024 + 1)
    errors = store.put_many([("/many/a", large), ("/many/b", b"new")], only_together=True)
    assert list(errors) == ["/many/a"]
    assert "262145 bytes are too many" in str(errors["/many/a"])
    assert (read(store, "/many/a"), read(store, "/many/b")) == (b"old", b"new")
