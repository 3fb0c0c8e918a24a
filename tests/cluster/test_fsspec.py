"""bs:// in programs that have never heard of us: fsspec's own suite, Parquet."""

import posixpath
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import fsspec
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest
from fsspec.tests import abstract

from blockstore.client import fsspec as fsspec_files
from blockstore.errors import FileAlreadyExistsException
from tests.cluster.daemons import StoreCluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def address():
    """A small store in memory: fsspec's suite makes hundreds of files, and durability costs."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        cluster = StoreCluster(Path(root))
        try:
            cluster.start(1)
            yield cluster.address
        finally:
            cluster.close()


@pytest.fixture
def files(address):
    return fsspec.filesystem("bs", namenode=address)


class OurFixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, files):
        return files

    @pytest.fixture
    def fs_join(self):
        return posixpath.join

    @pytest.fixture
    def fs_path(self, files):
        files.makedirs("/suite")
        yield "/suite"
        files.rm("/suite", recursive=True)


class TestCopy(abstract.AbstractCopyTests, OurFixtures):
    pass


class TestGet(abstract.AbstractGetTests, OurFixtures):
    pass


class TestPut(abstract.AbstractPutTests, OurFixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, OurFixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, OurFixtures):
    pass


TABLE = pyarrow.table({"n": list(range(1000)), "word": [f"w{n % 7}" for n in range(1000)]})


@pytest.fixture
def parquet(files):
    """The URL of a Parquet file in the store."""
    files.makedirs("/tables", exist_ok=True)
    with files.open("/tables/words.parquet", "wb") as file:
        pyarrow.parquet.write_table(TABLE, file, row_group_size=100)
    yield files.unstrip_protocol("/tables/words.parquet")
    files.rm("/tables", recursive=True)


def test_pandas_reads_parquet_by_url(parquet):
    import pandas

    frame = pandas.read_parquet(parquet, columns=["n"])
    assert int(frame["n"].sum()) == sum(range(1000))


def test_pandas_writes_and_reads_csv_by_url(parquet):
    import pandas

    url = parquet.replace("words.parquet", "words.csv")
    pandas.DataFrame({"n": [1, 2]}).to_csv(url, index=False)
    assert list(pandas.read_csv(url)["n"]) == [1, 2]


def test_a_pyarrow_dataset_reads_parquet(parquet, files):
    dataset = pyarrow.dataset.dataset("/tables", filesystem=files, format="parquet")
    found = dataset.to_table(filter=pyarrow.dataset.field("n") >= 995)
    assert found.column("n").to_pylist() == [995, 996, 997, 998, 999]


def test_duckdb_queries_parquet(parquet, files):
    import duckdb

    with duckdb.connect() as base:
        base.register_filesystem(files)
        rows = base.sql(f"SELECT word, count(*) FROM '{parquet}' GROUP BY word ORDER BY word")
        assert rows.fetchall() == [(f"w{n}", 143 if n < 6 else 142) for n in range(7)]


def test_a_url_is_enough_without_an_import_of_ours(parquet):
    script = f"import fsspec, sys; print(fsspec.open({parquet!r}).open().read(4).decode())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "PAR1\n"), done.stderr


def test_files_of_a_transaction_appear_together_or_never(files):
    files.makedirs("/trans")
    with files.transaction:
        for name in "ab":
            with files.open(f"/trans/{name}", "wb") as file:
                file.write(name.encode())
            assert not files.exists(f"/trans/{name}")
    assert files.cat(["/trans/a", "/trans/b"]) == {"/trans/a": b"a", "/trans/b": b"b"}

    def fail():
        with files.transaction, files.open("/trans/c", "wb") as file:
            file.write(b"c")
            file.close()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert files.ls("/trans", detail=False) == ["/trans/a", "/trans/b"]
    files.rm("/trans", recursive=True)


def test_a_copy_has_all_the_bytes(files):
    data = random.Random(1).randbytes(fsspec_files._COPY_BYTES + 3)
    files.pipe_file("/original", data)
    files.cp_file("/original", "/copy")
    assert files.cat_file("/copy") == files.cat_file("/original") == data
    files.rm(["/original", "/copy"])


def test_a_moved_file_replaces_one_and_goes_into_a_directory(files):
    files.makedirs("/moves/d")
    files.pipe({"/moves/a": b"a", "/moves/b": b"b"})
    files.mv("/moves/a", "/moves/b")
    files.mv("/moves/b", "/moves/d")
    assert files.find("/moves") == ["/moves/d/b"]
    assert files.cat("/moves/d/b") == b"a"
    with pytest.raises(FileAlreadyExistsException):
        files.mkdir("/moves/d")
    with pytest.raises(FileNotFoundError):
        files.rm("/moves/nothing")
    files.rm("/moves/*", recursive=True)
    assert files.ls("/moves") == []
    files.rm("/moves", recursive=True)
