"""Verbs of `mapred fs` that change, follow and check files, on a real store."""

import io
import subprocess
import sys

import google_crc32c
import pytest
from mapred_cli.errors import run
from mapred_cli.fs import fs

pytestmark = pytest.mark.cluster


@pytest.fixture
def hdfs(shared_cluster, capfdbinary, tmp_path, monkeypatch):
    """Runs a command line in an empty directory, on a store with an empty /t; its stdout."""
    monkeypatch.chdir(tmp_path)

    def command(line, *, code=0, err=""):
        found = run(fs, ["--namenode", shared_cluster.address, *line.split()])
        out, told = capfdbinary.readouterr()
        assert found == code, told.decode()
        assert err in told.decode()
        return out.decode()

    command("rm -r -f /t")
    command("mkdir /t")
    return command


@pytest.fixture
def store(shared_cluster):
    with shared_cluster.client() as store:
        yield store


def fill(store, name, data, **options):
    with store.open(f"/t/{name}", "wb", **options) as file:
        file.write(data)


def test_local_files_and_stdin_are_added_to_a_file_that_need_not_exist(hdfs, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"23")
    hdfs("appendToFile a b /t/f")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"456")))
    hdfs("-appendToFile - /t/f")
    assert hdfs("cat /t/f") == "123456"
    hdfs("appendToFile none /t/f", code=1, err="none")
    assert hdfs("cat /t/f") == "123456"


def test_files_are_cut_and_joined(hdfs, store):
    fill(store, "a", b"12345")
    fill(store, "b", b"67")
    hdfs("truncate -w 3 /t/a /t/b", code=1, err="'/t/b': has 2 bytes")
    hdfs("concat /t/a /t/b")
    assert hdfs("cat /t/a") == "12367"
    assert hdfs("ls -C /t") == "/t/a\n"
    hdfs("concat /t/a /t/a", code=1, err="named twice")


def test_checksums_show_which_files_are_equal(hdfs, store):
    data = bytes(range(256)) * 100
    fill(store, "a", data, block_bytes=10_000)
    fill(store, "b", data)
    told = f"COMPOSITE-CRC32C:{google_crc32c.value(data):08x}"
    assert hdfs("checksum /t/a /t/b") == f"/t/a\t{told}\n/t/b\t{told}\n"
    hdfs("checksum /t", code=1, err="'/t': is a directory")


def test_who_writes_a_file_is_told_and_may_be_ended(hdfs, store):
    file = store.open("/t/f", "wb")
    file.write(b"x" * 10)
    file.hflush()
    line = hdfs("lease list /t")
    assert line.startswith("/t/f\tsince 2")
    assert f"by {store.client_id}, heard of 0 s ago" in line
    hdfs("truncate 0 /t/f", code=1, err=f"is being written by {store.client_id}")
    assert hdfs("lease recover /t/f --timeout 30") == "/t/f is closed, 10 bytes\n"
    assert hdfs("lease list /t") == ""
    file.discard()
    assert hdfs("cat /t/f") == "x" * 10


def test_the_end_of_a_file_is_shown_and_followed(hdfs, store, shared_cluster):
    fill(store, "f", b"a" * 1000 + b"b" * 1024)
    assert hdfs("tail /t/f") == "b" * 1024
    program = "import sys; from mapred_cli.errors import run; from mapred_cli.fs import fs; "
    program += "sys.exit(run(fs, sys.argv[1:]))"
    words = ["--namenode", shared_cluster.address, "tail", "-f", "-s", "0.05", "/t/f"]
    follower = subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE)
    try:
        assert follower.stdout is not None
        assert follower.stdout.read(1024) == b"b" * 1024
        with store.open("/t/f", "ab") as file:
            for piece in (b"first", b"second"):
                file.write(piece)
                file.hflush()
                assert follower.stdout.read(len(piece)) == piece
    finally:
        follower.terminate()
        follower.communicate(timeout=30)


def test_what_is_closed_to_somebody_doesnt_keep_him_from_the_rest(hdfs, store, monkeypatch):
    for name in ("a/closed/x", "a/x", "b/x"):
        fill(store, name, b"1")
    store.chmod("/t/a/closed", 0o700)
    store.chown("/t/b", "ana", "")
    store.chown("/t/b/x", "ana", "")
    monkeypatch.setenv("MAPRED_USER", "ana")

    found = hdfs("find /t -name x", code=1, err="'/t/a/closed': permission denied")
    assert found.split() == ["/t/a/x", "/t/b/x"]
    for words in ("chmod -R 750 /t", "setrep 2 /t"):
        hdfs(words, code=1, err="'/t/a/closed': permission denied")
    assert store.stat("/t/b/x").permission.mode == 0o750
    assert store.stat("/t/b/x").replication == 2
