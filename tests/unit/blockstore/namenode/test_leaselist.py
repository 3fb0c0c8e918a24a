from contextlib import suppress

import pytest

from blockstore.model import Lease
from blockstore.namenode import leaselist
from blockstore.namenode.leaselist import LeaseLook
from blockstore.namenode.ready import Unfinished


def leases(cluster, path="/", **options):
    look = LeaseLook()
    while True:
        with suppress(Unfinished):
            return cluster.core.changes.leases(path, look=look, now=cluster.now, **options).reply


def test_a_lease_tells_who_since_when_and_when_heard_of(cluster):
    cluster.add_nodes("x")
    opened_at_s = cluster.wall
    inode_id = cluster.create("/d/f", "host-1-abc")
    cluster.write("/closed")
    cluster.pass_time(40)
    cluster.rename("/d", "/e")
    (lease,) = leases(cluster, "/e").leases
    assert lease == Lease("/e/f", "host-1-abc", opened_at_s, 40, "", inode_id)
    assert lease.host == "host"
    assert leases(cluster, "/closed").leases == ()


def test_a_file_that_the_namenode_closes_says_what_it_waits_for(cluster):
    cluster.add_nodes("x")
    cluster.add_block(cluster.create("/f"))
    cluster.recover_lease("/f")
    (lease,) = leases(cluster).leases
    assert lease.holder == ""
    assert "x recovers" in lease.waiting_for


def test_pages_follow_each_other(cluster):
    for number in range(5):
        cluster.create(f"/{4 - number}")
    first = leases(cluster, limit=3)
    second = leases(cluster, limit=3, start_after=first.leases[-1].inode_id)
    assert [lease.path for lease in first.leases] == ["/4", "/3", "/2"]
    assert [lease.path for lease in second.leases] == ["/1", "/0"]
    assert (first.has_more, second.has_more) == (True, False)


def test_when_a_file_was_opened_survives_a_restart(cluster):
    opened_at_s = cluster.wall
    cluster.create("/f")
    cluster.pass_time(10)
    cluster.restart()
    (lease,) = leases(cluster).leases
    assert (lease.since_s, lease.silence_s) == (opened_at_s, 0)


def test_others_have_their_turn_between_slices(cluster, monkeypatch):
    monkeypatch.setattr(leaselist, "SLICE_FILES", 3)
    for number in range(4):
        cluster.create(f"/here/{number}")
        cluster.create(f"/there/{number}")
    look = LeaseLook()
    with pytest.raises(Unfinished):
        cluster.core.changes.leases("/here", look=look, now=cluster.now)
    # What closes meanwhile isn't open any more; what is opened comes with the next list.
    cluster.recover_lease("/here/3")
    cluster.create("/here/4")
    with pytest.raises(Unfinished):
        cluster.core.changes.leases("/here", look=look, now=cluster.now)
    page = cluster.core.changes.leases("/here", look=look, now=cluster.now).reply
    assert [lease.path for lease in page.leases] == ["/here/0", "/here/1", "/here/2"]
    assert not page.has_more


def test_a_page_that_ends_with_the_last_file_has_no_more(cluster):
    for number in range(3):
        cluster.create(f"/{number}")
    assert not leases(cluster, limit=3).has_more
    assert leases(cluster, limit=2).has_more
