"""Verbs of `mapred fs` on a real store, run in this process."""

import bz2
import gzip
import io
import lzma
import os

import pyarrow
import pytest
from mapred_cli.copying import Tally
from mapred_cli.errors import run
from mapred_cli.fs import fs
from mapred_cli.upload import Upload

from blockstore.errors import FileAlreadyExistsException

pytestmark = pytest.mark.cluster


@pytest.fixture
def hdfs(shared_cluster, capfdbinary, tmp_path, monkeypatch):
    """Runs a command line in an empty directory, on a store with an empty /t; its stdout."""
    monkeypatch.chdir(tmp_path)

    def command(line, *, code=0, err=""):
        words = line if isinstance(line, list) else line.split()
        found = run(fs, ["--namenode", shared_cluster.address, *words])
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


def fill(store, **files):
    for name, data in files.items():
        with store.open(f"/t/{name.replace('__', '/')}", "wb") as file:
            file.write(data)


def test_listings_are_sorted_and_deep_as_asked(hdfs, store):
    fill(store, b=b"12", a=b"123", d__c=b"1")

    assert hdfs("ls -C /t").split() == ["/t/a", "/t/b", "/t/d"]
    assert hdfs("-ls -C -r /t").split() == ["/t/d", "/t/b", "/t/a"]
    assert hdfs("ls -C -S /t").split() == ["/t/a", "/t/b", "/t/d"]
    assert hdfs("ls -C -S -r /t").split() == ["/t/d", "/t/b", "/t/a"]
    assert hdfs("ls -C -t /t").split() == ["/t/d", "/t/a", "/t/b"]
    assert hdfs("lsr -C /t").split() == ["/t/a", "/t/b", "/t/d", "/t/d/c"]
    assert hdfs("ls -C -d /t").split() == ["/t"]
    assert hdfs("ls -C /t/{a,d}").split() == ["/t/a", "/t/d/c"]


def test_one_missing_path_doesnt_keep_a_verb_from_the_others(hdfs, store):
    fill(store, a=b"1", b=b"2")

    missing = "mapred fs: '/t/x': does not exist"
    assert hdfs("cat /t/a /t/x /t/b", code=1, err=missing) == "12"
    assert hdfs("ls -C /t/x /t/b", code=1, err=missing) == "/t/b\n"
    hdfs("rm /t/x /t/a", code=1, err=missing)
    assert hdfs("ls -C /t") == "/t/b\n"
    hdfs("rm -f /t/x /t/z*")


def test_sums(hdfs, store):
    fill(store, a=b"12345", d__b=b"123")

    assert hdfs("du -s /t").split() == ["8", "24", "/t"]
    assert [line.split() for line in hdfs("du /t").splitlines()] == [
        ["5", "15", "/t/a"],
        ["3", "9", "/t/d"],
    ]
    assert hdfs("count /t").split() == ["2", "2", "8", "/t"]
    assert hdfs("count -q /t").split()[:5] == ["none", "inf", "none", "inf", "2"]
    titles, sizes = hdfs("df").splitlines()
    assert titles.split() == ["Size", "Used", "Available", "Use%", "Filesystem"]
    assert sizes.split()[-1].startswith("bs://")


def test_find_by_name_and_kind(hdfs, store):
    fill(store, a__x=b"", a__X1=b"", b__x2=b"")

    assert hdfs("find /t -name x*").split() == ["/t/a/x", "/t/b/x2"]
    assert hdfs("find /t -iname x*").split() == ["/t/a/X1", "/t/a/x", "/t/b/x2"]
    assert hdfs("find /t -type d -print0") == "/t\0/t/a\0/t/b\0"


def test_directories_are_made_and_removed_when_they_are_empty(hdfs, store):
    hdfs("mkdir /t/a/b", code=1, err="'/t/a/b': can't be made")
    hdfs("mkdir -p /t/a/b")
    hdfs("mkdir /t/a", code=1, err="'/t/a': exists already")
    hdfs("rmdir /t/a", code=1, err="'/t/a': is not empty: it has 1 entry; rm -r removes")
    hdfs("rmdir --ignore-fail-on-non-empty /t/a")
    hdfs("rm /t/a", code=1, err="'/t/a': is a directory")
    hdfs("rmdir /t/a/b /t/a")
    assert hdfs("ls /t") == ""


def test_copies_inside_the_store_are_deep_and_replace_only_when_told(hdfs, store):
    fill(store, d__a=b"1", d__e__b=b"2", f=b"3")

    hdfs("cp /t/d /t/copy")
    assert hdfs("find /t/copy -type f").split() == ["/t/copy/a", "/t/copy/e/b"]
    hdfs("cp /t/d/a /t/f", code=1, err="exists: give -f")
    hdfs("cp -f /t/d/a /t/f")
    assert hdfs("cat /t/f") == "1"
    hdfs("cp /t/f /t/d /t/copy")
    assert hdfs("cat /t/copy/f /t/copy/d/e/b") == "12"
    hdfs("cp /t/d /t/d/e", code=1, err="can't be copied into itself")


def test_empty_files_are_made_and_asked_for(hdfs, store):
    fill(store, full=b"1")

    hdfs("touchz /t/empty")
    hdfs("touchz /t/empty")
    hdfs("touchz /t/full", code=1, err="is no empty file")
    for line, code in (
        ("-e /t/empty", 0),
        ("-z /t/empty", 0),
        ("-s /t/empty", 1),
        ("-s /t/full", 0),
        ("-r /t/full", 0),
        ("-w /t/full", 0),
        ("-r /t/no", 1),
        ("-f /t", 1),
        ("-d /t", 0),
        ("-e /t/no", 1),
    ):
        hdfs(f"test {line}", code=code)


def test_whether_a_user_may_read_and_write_is_asked_of_the_namenode(hdfs, store, monkeypatch):
    fill(store, mine=b"1", open=b"2")
    store.chmod("/t/mine", 0o640)
    store.chmod("/t/open", 0o644)
    monkeypatch.setenv("MAPRED_USER", "ben")

    for line, code in (
        ("-r /t/mine", 1),
        ("-w /t/mine", 1),
        ("-r /t/open", 0),
        ("-w /t/open", 1),
    ):
        hdfs(f"test {line}", code=code)


def test_stat_says_what_the_format_asks_for(hdfs, store):
    fill(store, a=b"123")

    store.chmod("/t/a", 0o640)
    store.chown("/t/a", "ana", "staff")
    store.set_times("/t/a", 1_000_000_000.5, 2_000_000_000.0)
    said = "640 rw-r----- ana staff 2033-05-18 03:33:20 2000000000000\n"
    assert hdfs(["stat", "%a %A %u %g %x %X", "/t/a"]) == said
    assert hdfs(["stat", "%y %Y", "/t/a"]) == "2001-09-09 01:46:40 1000000000500\n"
    out = hdfs(["stat", "%n %b %r %F|%%|%z", "/t/a", "/t"])
    assert out.splitlines() == ["a 3 3 regular file|%|%z", "t 0 0 directory|%|%z"]


def test_text_unpacks_what_is_packed(hdfs, store):
    plain = b"one\ntwo\n" * 10_000
    packed = {
        "gzip": gzip.compress(plain[:8]) + gzip.compress(plain[8:]),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        **{form: pyarrow.compress(plain, form, asbytes=True) for form in ("zstd",)},
        "plain": plain,
        "empty": b"",
    }
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(plain)
    packed["lz4"] = sink.getvalue().to_pybytes()
    fill(store, **packed)

    for name in packed:
        assert hdfs(f"text /t/{name}") == ("" if name == "empty" else plain.decode()), name
    fill(store, cut=packed["gzip"][:40])
    hdfs("text /t/cut", code=1, err="damaged gzip data")


def test_the_head_of_a_file(hdfs, store):
    fill(store, a=b"x" * 5000, b=b"short")

    assert hdfs("head /t/a /t/b") == "x" * 1024 + "short"


def test_many_files_become_one(hdfs, store, tmp_path):
    fill(store, d__a=b"1", d__b=b"", d__c=b"3")

    hdfs("getmerge /t/d one")
    hdfs("getmerge -nl /t/d two")
    hdfs("getmerge -nl -skip-empty-file /t/d three")
    assert [(tmp_path / name).read_text() for name in ("one", "two", "three")] == [
        "13",
        "1\n\n3\n",
        "1\n3\n",
    ]
    hdfs("getmerge /t/d one", code=1, err="one exists: give -f")


def test_a_tree_goes_in_and_comes_out_with_all_that_can_be_read(hdfs, tmp_path):
    tree = tmp_path / "tree"
    for number in range(30):
        (tree / f"{number % 3}").mkdir(parents=True, exist_ok=True)
        (tree / f"{number % 3}" / f"{number}").write_text(str(number))
    (tree / "loop").symlink_to(tree)
    (tree / "gone").symlink_to(tree / "nothing")

    assert hdfs("put -t 8 tree /t", code=1, err="tree/loop': is a link to a directory") == ""
    assert len(hdfs("find /t/tree -type f").split()) == 30
    hdfs("get -t 8 /t/tree back")
    assert {f.name: f.read_text() for f in (tmp_path / "back").rglob("*") if f.is_file()} == {
        str(number): str(number) for number in range(30)
    }


def test_a_repeated_put_copies_what_is_missing_or_older(hdfs, store, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in "abc":
        (tree / name).write_text(name)
    hdfs("put tree /t")
    hdfs("rm /t/tree/b")
    inodes = {name: store.stat(f"/t/tree/{name}").inode_id for name in "ac"}
    (tree / "c").write_text("changed")

    hdfs("put --resume -f tree /t")

    assert hdfs("cat /t/tree/*") == "abchanged"
    assert store.stat("/t/tree/a").inode_id == inodes["a"]
    assert store.stat("/t/tree/c").inode_id != inodes["c"]


def test_times_mode_and_owner_are_kept_when_told(hdfs, store, tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "a").chmod(0o640)
    os.utime(tmp_path / "a", (2_000_000_000, 1_000_000_000))

    hdfs("put -p a /t")
    store.chown("/t/a", "ana", "staff")
    hdfs("cp -p /t/a /t/b")
    hdfs("get -p /t/b b")

    assert hdfs(["stat", "%a %Y %X %u %g", "/t/b"]) == "640 1000000000000 2000000000000 ana staff\n"
    there = (tmp_path / "b").stat()
    assert (there.st_mode & 0o7777, there.st_mtime, there.st_atime) == (0o640, 1e9, 2e9)
    hdfs("cp /t/a /t/c")
    assert store.stat("/t/c").modified_at_s > 1.1e9


def test_moved_files_are_gone_here(hdfs, tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_text("1")

    hdfs("moveFromLocal d /t")

    assert hdfs("cat /t/d/e/f") == "1"
    assert os.listdir(tmp_path) == []


def test_help_for_each_verb(hdfs):
    assert "Usage: " in hdfs("help put")
    assert "mapred fs help put" not in hdfs("help put")
    assert len(hdfs("usage").splitlines()) > 20
    hdfs("help ptu", code=2, err="did you mean 'put'?")


def test_listings_by_access_and_with_what_hadoop_documents(hdfs, store):
    fill(store, a=b"1", b=b"2")
    store.set_times("/t/a", accessed_at_s=2_000_000_000.0)
    store.set_times("/t/b", accessed_at_s=1_000_000_000.0)

    assert hdfs("ls -C -t -u /t").split() == ["/t/a", "/t/b"]
    assert hdfs("ls -C -t -u -r /t").split() == ["/t/b", "/t/a"]
    assert "2033-05-1" in hdfs("ls -u /t/a")
    assert "Replicated" in hdfs("ls -e /t/a")
    store.rename("/t/a", "/t/a\x07")
    assert hdfs("ls -q -C /t").split() == ["/t/a?", "/t/b"]


def test_conditions_of_find_are_joined(hdfs, store):
    fill(store, ab=b"1", ac=b"2", bc=b"3")

    assert hdfs("find /t -name a* -and -name *c").split() == ["/t/ac"]
    assert hdfs("find /t -name a* -a -type d") == ""
    assert hdfs("find /t -iname A* -name *b -print0") == "/t/ab\0"


def test_a_safe_removal_asks_before_many_files_go(hdfs, store, monkeypatch):
    store.put_many([(f"/t/d/{number}", b"") for number in range(101)])
    fill(store, few__a=b"1")

    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    hdfs("rm -r -safely -skipTrash /t/d", code=1, err="101 files go")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    hdfs("rm -r -safely -skipTrash /t/d", code=1, err="kept, with its 101 files")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    hdfs("rm -r -safely -skipTrash /t/d")
    hdfs("rm -r -safely -skipTrash /t/few")
    assert hdfs("ls /t") == ""


def test_sums_have_the_words_of_hadoop(hdfs, store):
    fill(store, a=b"12345")

    assert hdfs("count -u -v /t").split() == [
        *("QUOTA", "REM_QUOTA", "SPACE_QUOTA", "REM_SPACE_QUOTA", "PATHNAME"),
        *("none", "inf", "none", "inf", "/t"),
    ]
    assert hdfs("count -x /t") == hdfs("count /t")
    assert hdfs("du -x -s /t") == hdfs("du -s /t")
    assert hdfs("df / /t").count("bs://") == 1
    hdfs("df /none", code=1, err="'/none': does not exist")
    path, sum_, size = hdfs("checksum -v /t/a").split()
    assert (path, size) == ("/t/a", f"BlockSize={store.stat('/t/a').block_bytes}")
    assert hdfs("checksum /t/a").split() == [path, sum_]


@pytest.mark.parametrize("words", ["chown a:b:c /t", "chown a!b /t", "chgrp b,c /t"])
def test_what_is_no_name_owns_nothing(hdfs, store, words):
    hdfs(words, code=2, err="can't be a user or a group")
    assert store.stat("/t").permission.group != "b:c"


def test_the_trash_of_a_named_store_is_expunged(hdfs, store, shared_cluster):
    fill(store, a=b"1")
    trash = store.remove("/t/a").trash_path
    assert store.exists(trash)
    for other in ("hdfs://there", shared_cluster.address):
        hdfs(f"expunge -immediate -fs {other}", code=2, err="write -fs bs://HOST:PORT")
    assert store.exists(trash)
    assert run(fs, ["expunge", "-immediate", "-fs", f"bs://{shared_cluster.address}"]) == 0
    assert not store.exists(trash)


def test_copies_have_the_words_of_hadoop(hdfs, store, tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"other")

    hdfs("put -l -q 1 -t 1 a /t/one")
    assert store.stat("/t/one").replication == 1
    hdfs("put -l --replication 2 a /t/two", code=2, err="-l is --replication 1")
    hdfs("put a sub/a /t", code=1, err="'a' goes to /t/a; copy one of them")
    assert hdfs("cat /t/a") == "12345"
    store.chmod("/t/one", 0o600)
    store.set_times("/t/one", modified_at_s=1_000_000_000.0)
    for letters in ("t", "p", "top"):
        hdfs(f"cp -p{letters} -q 2 /t/one /t/{letters}")
        kept = store.stat(f"/t/{letters}")
        assert (kept.modified_at_s == 1_000_000_000.0) == ("t" in letters)
        assert (kept.permission.mode == 0o600) == ("p" in letters)
    hdfs("cp -ptopax /t/one /t/x", code=2, err="of 'ax' files have nothing")
    hdfs("get -q 3 /t/one got")
    assert (tmp_path / "got").read_bytes() == b"12345"


def test_a_direct_copy_never_has_another_name(hdfs, store, tmp_path):
    # A directory in its way refuses every copy that needs the other name.
    (tmp_path / "a").write_bytes(b"12345")
    for name in ("put", "cp"):
        store.mkdir(f"/t/{name}._COPYING_/full", parents=True)
    hdfs("put a /t/put", code=1)
    hdfs("put -d a /t/put")
    hdfs("put -d a /t/put", code=1, err="exists")
    hdfs("cp /t/put /t/cp", code=1)
    hdfs("cp -d /t/put /t/cp")
    assert hdfs("cat /t/put /t/cp") == "1234512345"

    # Small files that would travel together have none, either.
    fill(store, **{"a._COPYING_": b"somebody's"})
    (tmp_path / "b").write_bytes(b"6")
    hdfs("put -d a b /t")
    assert hdfs("cat /t/a /t/b /t/a._COPYING_") == "123456somebody's"


def test_a_direct_copy_doesnt_replace_what_came_after_it_had_looked(hdfs, store):
    fill(store, a=b"first")
    upload = Upload(store, Tally(), direct=True)
    with pytest.raises(FileAlreadyExistsException):
        upload._put_stream(io.BytesIO(b"second"), "/t/a", None)
    with store.open("/t/a") as file:
        assert file.read() == b"first"


def test_a_direct_copy_is_refused_where_resume_is_asked_for(hdfs, tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    hdfs("put -d --resume a /t/put", code=2, err="-d does without")
