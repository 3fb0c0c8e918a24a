from blockstore.model import Lease


def leases(cluster, path="/", **options):
    return cluster.core.changes.leases(path, now=cluster.now, **options).reply


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
