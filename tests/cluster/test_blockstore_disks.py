"""Real DataNodes on volumes that fill up or go away."""

import contextlib
import random
import subprocess

import pytest

pytestmark = pytest.mark.cluster

MIB = 1024 * 1024


@pytest.fixture
def small_volume(tmp_path):
    """A file system of 6 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(place)]
    if subprocess.run(words, capture_output=True, check=False, timeout=30).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=30)


@pytest.fixture
def make_read_only():
    """Lets nobody write below a directory any more, whatever is open there."""
    with contextlib.ExitStack() as ending:

        def mount(place):
            for words in (["--bind", str(place)], ["-o", "remount,bind,ro"]):
                done = subprocess.run(
                    ["mount", *words, str(place)], capture_output=True, check=False, timeout=30
                )
                if done.returncode:
                    pytest.skip("no directory can be mounted here")
                if words[0] == "--bind":
                    unmount = ["umount", "--lazy", str(place)]
                    ending.callback(subprocess.run, unmount, check=True, timeout=30)

        yield mount


def put(store, path, data, **options):
    with store.open(path, "wb", **options) as file:
        file.write(data)


def get(store, path):
    with store.open(path) as file:
        return file.read()


def volumes(store, number, cluster):
    report = next(n for n in store.report().nodes if cluster.number_of(n.node.address) == number)
    return {volume.path: volume for volume in report.volumes}


def test_a_volume_that_fills_up_in_mid_block_fails_over_and_resumes(
    cluster, eventually, small_volume
):
    cluster.start_namenode()
    cluster.directory = lambda number: small_volume if number == 0 else cluster.root / f"{number}"
    for number in range(3):
        cluster.start_datanode(number, reserved_bytes=0)
    store = cluster.client()
    other = small_volume / "other"
    with contextlib.suppress(OSError), other.open("wb", buffering=0) as file:
        file.write(bytes(6 * MIB - 2 * MIB))
    data = random.Random(1).randbytes(9 * MIB + 17)
    put(store, "/file", data, replication=2)
    assert get(store, "/file") == data
    with other.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))

    def state():
        # A node that has just registered tells of its volumes with its first heartbeat.
        volume = volumes(store, 0, cluster).get(str(small_volume))
        return volume and volume.state

    eventually(lambda: state() == "full", "the full volume told")
    cluster.datanodes[0].kill()
    cluster.start_datanode(0, reserved_bytes=0)
    assert get(store, "/file") == data
    store.delete("/file")
    other.unlink()
    eventually(lambda: state() == "in use", "room again")
    data = data[: 3 * MIB]
    put(store, "/again", data, replication=3)
    eventually(lambda: len(store.locate("/again")[0].nodes) == 3, "all nodes hold it")
    assert get(store, "/again") == data


def test_a_volume_that_becomes_read_only_is_dropped_and_the_node_goes_on(
    cluster, eventually, make_read_only
):
    first, second = cluster.directory(0), cluster.root / "second"
    cluster.start(2)
    store = cluster.client()
    data = random.Random(2).randbytes(2 * MIB + 17)
    put(store, "/before", data, replication=2)
    held = len(cluster.block_files(0))
    cluster.datanodes[0].stop()
    cluster.further_volumes[0] = [second]
    cluster.start_datanode(0, disk_check_interval_s=0.2)

    def state():
        volume = volumes(store, 0, cluster).get(str(first))
        return volume and volume.state

    eventually(lambda: state() == "in use", "both volumes told")
    make_read_only(first)
    eventually(lambda: state() == "failed", "it is told")
    assert "Read-only file system" in volumes(store, 0, cluster)[str(first)].reason
    assert volumes(store, 0, cluster)[str(second)].state == "in use"
    put(store, "/after", data, replication=2)
    eventually(lambda: store.fsck("/").state == "healthy", "health")
    eventually(
        lambda: all(len(b.nodes) == 2 for p in ("/before", "/after") for b in store.locate(p)),
        "two copies of each block",
    )
    assert len([p for p in (second / "current").iterdir() if p.suffix != ".crc"]) == 2 * held
    assert get(store, "/before") == get(store, "/after") == data
    assert {node.state for node in store.report().nodes} == {"live"}


def test_a_node_whose_last_volume_goes_stops_and_says_so(cluster, eventually):
    cluster.start(2)
    store = cluster.client()
    put(store, "/file", b"x" * 1000, replication=2)
    cluster.datanodes[0].stop()
    cluster.start_datanode(0, disk_check_interval_s=0.1)
    current = cluster.directory(0)
    current.rename(cluster.root / "away")
    current.write_text("no directory any more")
    eventually(lambda: cluster.datanodes[0].process.poll() == 74, "its end")
    assert "no storage directory can be used any more" in cluster.datanodes[0].log.read_text()
    assert get(store, "/file") == b"x" * 1000
