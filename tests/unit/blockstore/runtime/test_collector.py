"""Each in a process of its own: the collector is the whole process's."""

import subprocess
import sys

import pytest

BEGIN = """
import gc
gc.disable()
from blockstore.model import Block, Replica, ReplicaState
from blockstore.namenode.blockmap import BlockMap
from blockstore.namenode.namespace import StoredBlock
from blockstore.runtime.collector import put_aside_what_lasts

class Thing:
    pass

def seen(kind):
    return sum(isinstance(each, kind) for each in gc.get_objects())
"""
LASTING = """
before = [Thing() for _ in range(1000)]
put_aside_what_lasts()
assert seen(Thing) == 0
later = [Thing() for _ in range(1000)]
assert seen(Thing) == 1000
gc.collect()
assert seen(Thing) == 0
"""
CYCLES = """
import weakref
put_aside_what_lasts()
put_aside_what_lasts()
gc.collect()
thing = Thing()
thing.self, gone = thing, weakref.ref(thing)
del thing
gc.collect()
assert gone() is None
# What is no cycle goes at once, also after it was put aside.
thing = Thing()
gone = weakref.ref(thing)
gc.collect()
del thing
assert gone() is None
assert gc.callbacks.count(gc.callbacks[0]) == 1
"""
REPLICAS = """
blocks = {n: StoredBlock(Block(n, 7, 100), 5) for n in range(10_001)}
for block in blocks.values():
    block.committed = True
found = BlockMap(blocks)

def report(node, numbers):
    for n in numbers:
        replica = Replica(Block(n, 7, 100), ReplicaState.FINALIZED)
        found.report(node, replica, allocated_below=20_000)

put_aside_what_lasts()
report("dn-1", range(10_000))
report("dn-2", range(10_000))
assert found.reported == 10_000
# The first look is the last at tuples of names, the second at what holds them.
gc.collect()
gc.collect()
report("dn-1", [10_000])
large = [each for each in gc.get_objects() if isinstance(each, (dict, set)) and len(each) > 1000]
assert not large, [(type(each), len(each)) for each in large]
"""


@pytest.mark.parametrize("program", [LASTING, CYCLES, REPLICAS])
def test_what_lasts_is_looked_at_once(program):
    ended = subprocess.run(
        [sys.executable, "-c", BEGIN + program], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
