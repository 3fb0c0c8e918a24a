"""Every operation on the store and on a model of it, side by side, as hypothesis thinks them up."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from blockstore import BlockStore, checksum
from blockstore.errors import StoreError
from blockstore.model import FileStatus
from tests.cluster.daemons import StoreCluster
from tests.cluster.filesystemmodel import Directory, File, FileSystemModel, Refused

pytestmark = pytest.mark.cluster

# `MODEL_EXAMPLES=1000 pytest tests/cluster/test_model.py` searches longer, and elsewhere each
# time; what it finds it makes small, which takes minutes.
EXAMPLES_IN_CI = 25
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", EXAMPLES_IN_CI))
STEPS = 40
# Small, so that a few writes make several blocks, and some end on a border.
BLOCK = 4096
CHUNK = 1024

# Few names, so that operations meet.
PATHS = st.sampled_from(["/a", "/b", "/a/a", "/a/b", "/b/a", "/b/b", "/a/a/b"])
SIZES = st.sampled_from([0, 1, 100, CHUNK - 1, CHUNK, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
REPLICATIONS = st.integers(1, 2)
OPEN_MAX = 3


class StoreAndModel(RuleBasedStateMachine):
    """`both` does one thing on either side and compares."""

    store: BlockStore
    number = 0

    def __init__(self) -> None:
        super().__init__()
        StoreAndModel.number += 1
        self.top = f"/run-{StoreAndModel.number}"
        self.store.mkdir(self.top)
        self.model = FileSystemModel()
        # Files open for writing: what the store gave, and what the model has.
        self.handles = []

    def both(self, name, expected, *arguments, **options):
        """What the store gave; None when both refused."""
        try:
            wanted = expected()
        except Refused as refusal:
            with pytest.raises(refusal.kinds):
                getattr(self.store, name)(*arguments, **options)
            return None
        return getattr(self.store, name)(*arguments, **options), wanted

    def at(self, path):
        return self.top + path

    # --- names -------------------------------------------------------------------------

    @rule(path=PATHS, parents=st.booleans())
    def mkdir(self, path, parents):
        self.both("mkdir", lambda: self.model.mkdir(path, parents), self.at(path), parents)

    @rule(old=PATHS, new=PATHS, overwrite=st.booleans())
    def rename(self, old, new, overwrite):
        self.both(
            "rename",
            lambda: self.model.rename(old, new, overwrite),
            self.at(old),
            self.at(new),
            overwrite,
        )

    @rule(path=PATHS, recursive=st.booleans(), skip_trash=st.booleans())
    def delete(self, path, recursive, skip_trash):
        answers = self.both(
            "delete",
            lambda: self.model.delete(path, recursive, skip_trash),
            self.at(path),
            recursive,
            skip_trash,
        )
        assert answers is None or answers[0] == answers[1]

    @rule(path=PATHS, mode=st.sampled_from([0o600, 0o640, 0o777, 0o1777]))
    def chmod(self, path, mode):
        self.both("chmod", lambda: self.model.chmod(path, mode), self.at(path), mode)

    @rule(path=PATHS, owner=st.sampled_from(["", "ana", "ben"]), group=st.sampled_from(["", "g"]))
    def chown(self, path, owner, group):
        self.both(
            "chown", lambda: self.model.chown(path, owner, group), self.at(path), owner, group
        )

    @rule()
    def expunge(self):
        self.store.expunge(immediate=True)
        self.model.expunge()

    @rule(path=PATHS, at_s=st.sampled_from([0.0, 1e9, 2e9 + 0.25]))
    def set_times(self, path, at_s):
        self.both("set_times", lambda: self.model.set_times(path, at_s), self.at(path), at_s)

    @rule(path=PATHS, replication=REPLICATIONS)
    def set_replication(self, path, replication):
        self.both(
            "set_replication",
            lambda: self.model.set_replication(path, replication),
            self.at(path),
            replication,
        )

    # --- bytes -------------------------------------------------------------------------

    @precondition(lambda self: len(self.handles) < OPEN_MAX)
    @rule(path=PATHS, overwrite=st.booleans(), replication=REPLICATIONS)
    def create(self, path, overwrite, replication):
        opened = self.both(
            "open",
            lambda: self.model.create(path, overwrite, replication),
            self.at(path),
            "wb" if overwrite else "xb",
            replication=replication,
            block_bytes=BLOCK,
        )
        if opened:
            self.handles.append(opened)

    @rule(path=PATHS, size=SIZES, overwrite=st.booleans())
    def put_many(self, path, size, overwrite):
        data = os.urandom(size)
        self.both(
            "put_many",
            lambda: self.model.put(path, data, overwrite),
            [(self.at(path), data)],
            replication=1,
            block_bytes=BLOCK,
            overwrite=overwrite,
        )

    @precondition(lambda self: len(self.handles) < OPEN_MAX)
    @rule(path=PATHS)
    def append(self, path):
        opened = self.both("open", lambda: self.model.append(path), self.at(path), "ab")
        if opened:
            self.handles.append(opened)

    @rule(path=PATHS, length=SIZES)
    def truncate(self, path, length):
        self.both("truncate", lambda: self.model.truncate(path, length), self.at(path), length)

    @rule(whole=PATHS, parts=st.lists(PATHS, max_size=3))
    def concat(self, whole, parts):
        self.both(
            "concat",
            lambda: self.model.concat(whole, parts),
            self.at(whole),
            [self.at(part) for part in parts],
        )

    @precondition(lambda self: self.handles)
    @rule(which=st.integers(0, OPEN_MAX), size=SIZES, then=st.sampled_from(["", "flush", "sync"]))
    def write(self, which, size, then):
        file, known = self.handles[which % len(self.handles)]
        data = os.urandom(size)
        if not self.model.holds(known):
            self._of_no_name(file, known)
            return
        file.write(data)
        known.data += data
        known.modified_at_s = None
        if then:
            getattr(file, then)()
            known.shown = len(known.data)

    def _of_no_name(self, file, known):
        """A file that was deleted or replaced: its writer hears it at the close, at the latest."""
        self.handles.remove((file, known))
        with pytest.raises(StoreError):
            file.close()
        file.discard()

    @precondition(lambda self: self.handles)
    @rule(which=st.integers(0, OPEN_MAX))
    def close(self, which):
        file, known = self.handles[which % len(self.handles)]
        if not self.model.holds(known):
            self._of_no_name(file, known)
            return
        self.handles.remove((file, known))
        file.close()
        known.open, known.modified_at_s = False, None

    @rule(path=PATHS)
    def recover_lease(self, path):
        known = self.model.find(path)
        answered = self.both("recover_lease", lambda: self.model.file(path), self.at(path))
        if answered and known.open:
            (writer,) = [file for file, written in self.handles if written is known]
            self.handles.remove((writer, known))
            with self.store.open(self.at(path)) as file:
                data = file.read()
            self._check_bytes(data, known)
            known.data, known.open, known.modified_at_s = data, False, None
            with pytest.raises(StoreError):
                writer.close()
            writer.discard()

    @rule()
    def leases(self):
        found = [lease.path.removeprefix(self.top) for lease in self.store.leases(self.top)]
        assert sorted(found) == sorted(self.model.open_files())

    @rule(path=PATHS)
    def checksum(self, path):
        answers = self.both("checksum", lambda: self.model.file(path), self.at(path))
        if answers:
            found, known = answers
            self._check_bytes(known.data[: found.length], known)
            assert found.crc == checksum.crc32c(known.data[: found.length])

    @rule(path=PATHS)
    def read(self, path):
        opened = self.both("open", lambda: self.model.file(path), self.at(path))
        if opened:
            with opened[0] as file:
                self._check_bytes(file.read(), opened[1])

    @rule(path=PATHS, offset=SIZES, length=SIZES)
    def read_range(self, path, offset, length):
        known = self.model.find(path)
        if isinstance(known, File) and not known.open:
            with self.store.open(self.at(path)) as file:
                assert file.pread(offset, length) == known.data[offset : offset + length]

    @staticmethod
    def _check_bytes(seen, known):
        """Of an open file readers see at least what was flushed, and only what was written."""
        if not known.open:
            assert seen == known.data
        assert known.shown <= len(seen) <= len(known.data) or not known.open
        assert known.data.startswith(seen)

    # --- looking -----------------------------------------------------------------------

    @rule(path=PATHS)
    def listing(self, path):
        try:
            expected = self.model.listing(path)
        except Refused as refusal:
            with pytest.raises(refusal.kinds):
                list(self.store.list(self.at(path)))
            return
        assert [entry.name for entry in self.store.list(self.at(path))] == expected

    @rule(path=PATHS)
    def summary(self, path):
        answers = self.both("summary", lambda: self.model.summary(path), self.at(path))
        if answers:
            assert (answers[0].directories, answers[0].files) == answers[1]
            sizes = self.model.bytes_of(path)
            assert sizes in (None, (answers[0].bytes, answers[0].replicated_bytes))

    @invariant()
    def the_trees_are_the_same(self):
        found = {status.path.removeprefix(self.top): status for status in self._walk(self.top)}
        expected = dict(self.model.walk())
        assert sorted(found) == sorted(expected)
        for path, node in expected.items():
            self._check_status(found[path], node)

    def _walk(self, path):
        for status in self.store.list(path):
            yield status
            if status.is_directory:
                yield from self._walk(status.path)

    @staticmethod
    def _check_status(status: FileStatus, node):
        assert node.mode in (None, status.permission.mode)
        assert node.owner in (None, status.permission.owner)
        assert node.group in (None, status.permission.group)
        assert node.modified_at_s in (None, status.modified_at_s)
        if isinstance(node, Directory):
            assert (status.is_directory, status.children) == (True, len(node.entries))
            return
        assert (status.is_directory, status.under_construction) == (False, node.open)
        assert (status.replication, status.block_bytes) == (node.replication, BLOCK)
        assert status.length <= len(node.data)
        assert node.open or status.length == len(node.data)

    def teardown(self):
        for file, known in self.handles:
            if self.model.holds(known):
                file.close()
                known.open = False
            else:
                file.discard()
        for path, node in self.model.walk():
            if isinstance(node, File):
                with self.store.open(self.at(path)) as file:
                    assert file.read() == node.data, path
        self.store.delete(self.top, recursive=True, skip_trash=True)


def walk_a_fixed_path():
    """What so few examples as CI's come to seldom: files of several blocks, joined, cut, moved."""
    machine = StoreAndModel()
    machine.mkdir("/a", parents=True)
    machine.mkdir("/b", parents=True)
    for path in ("/a/a", "/a/b", "/b/a"):
        machine.put_many(path, 3 * BLOCK, overwrite=False)
    machine.concat("/a/a", ["/b/a", "/a/b"])
    for length in (2 * BLOCK, BLOCK + 1, CHUNK - 1):
        machine.read("/a/a")
        machine.the_trees_are_the_same()
        machine.truncate("/a/a", length)
    machine.put_many("/b/b", 100, overwrite=False)
    machine.rename("/a/a", "/b/a", overwrite=False)
    machine.the_trees_are_the_same()
    machine.rename("/b/b", "/b/a", overwrite=False)
    machine.rename("/b/b", "/b/a", overwrite=True)
    machine.read("/b/a")
    machine.the_trees_are_the_same()
    machine.teardown()


def test_the_store_does_what_the_model_does():
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        cluster = StoreCluster(Path(root))
        try:
            # Pages of two, so that listings have several.
            cluster.start(2, list_page=2)
            StoreAndModel.store = cluster.client(chunk_bytes=CHUNK)
            walk_a_fixed_path()
            case = StoreAndModel.TestCase()
            case.settings = settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=EXAMPLES == EXAMPLES_IN_CI,
                phases=[Phase.generate] if EXAMPLES == EXAMPLES_IN_CI else list(Phase),
                database=None,
            )
            case.runTest()
        finally:
            cluster.close()
