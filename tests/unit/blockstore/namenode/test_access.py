"""The table of HDFS's permission guide, a line at a time."""

import dataclasses

import pytest

from blockstore.errors import AccessControlException, FileNotFoundException
from blockstore.namenode.access import Caller
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.ownership import Modes

ANA = Caller("ana", frozenset({"lab"}))
BEN = Caller("ben", frozenset({"lab"}))
EVE = Caller("eve")
ROOT = Caller("root")
DENIED = pytest.raises(AccessControlException)


@pytest.fixture
def store(cluster):
    """/home/ana is ana's, closed to others; /pub is everybody's; /tmp is sticky."""
    for path, owner, mode in (
        ("/home/ana", "ana", 0o750),
        ("/pub", "root", 0o777),
        ("/tmp", "root", 0o1777),
    ):
        cluster.mkdirs(path)
        cluster.take(cluster.core.attributes.set_owner(path, owner=owner, group="lab"))
        cluster.take(cluster.core.attributes.set_mode(path, mode))
    return cluster


def put(store, who, path, mode=0o644, **options):
    core = store.core.on_behalf_of(who)
    store.take(
        core.create(
            path, client_id="c", modes=Modes(mode), now=store.now, wall=store.wall, **options
        )
    )


def can(store, who, call):
    """Whether the call is let through; what it does then stays."""
    try:
        store.take(call(store.core.on_behalf_of(who)))
    except AccessControlException:
        store.take(store.core.take_ready())
        return False
    return True


def test_who_may_not_enter_a_directory_learns_nothing_of_what_is_below(store):
    put(store, ANA, "/home/ana/f")
    for path in ("/home/ana/f", "/home/ana/none", "/home/ana/none/deeper"):
        assert not can(store, EVE, lambda core, path=path: core.stat(path))
    assert can(store, BEN, lambda core: core.stat("/home/ana/f"))
    assert can(store, EVE, lambda core: core.stat("/home/ana"))
    with pytest.raises(FileNotFoundException):
        store.core.on_behalf_of(BEN).stat("/home/ana/none")


def test_listing_needs_read_on_the_directory_and_opening_read_on_the_file(store):
    put(store, ANA, "/pub/f", 0o600)
    store.take(store.core.on_behalf_of(ROOT).attributes.set_mode("/pub", 0o711))
    assert not can(store, BEN, lambda core: core.listing("/pub"))
    assert can(store, BEN, lambda core: core.stat("/pub/f"))
    assert not can(store, BEN, lambda core: core.locate("/pub/f", now=0.0))
    assert can(store, ANA, lambda core: core.locate("/pub/f", now=0.0))


@pytest.mark.parametrize(
    "change",
    [
        lambda core: core.mkdirs("/home/ana/new", wall=1.0),
        lambda core: core.create("/home/ana/new/f", client_id="c", now=1.0, wall=1.0),
        lambda core: core.delete("/home/ana/f", wall=1.0),
        lambda core: core.rename("/home/ana/f", "/pub/f", wall=1.0),
        lambda core: core.rename("/pub/mine", "/home/ana/f2", wall=1.0),
    ],
    ids=["mkdir", "create", "delete", "rename away", "rename into"],
)
def test_changing_a_directory_needs_write_on_it(store, change):
    put(store, ANA, "/home/ana/f")
    put(store, BEN, "/pub/mine")
    assert not can(store, BEN, change)
    assert can(store, ROOT, change)


@pytest.mark.parametrize(
    "change",
    [
        lambda core: core.set_replication("/pub/f", 2),
        lambda core: core.attributes.set_times("/pub/f", modified_at_s=1.0),
        lambda core: core.changes.recover_lease("/pub/f", now=1.0, wall=1.0),
        lambda core: core.create("/pub/f", client_id="d", overwrite=True, now=1.0, wall=1.0),
    ],
    ids=["setrep", "times", "recover lease", "overwrite"],
)
def test_changing_a_file_needs_write_on_it(store, change):
    put(store, ANA, "/pub/f")
    assert not can(store, BEN, change)
    assert can(store, ANA, change)


def test_a_lease_is_not_taken_from_a_silent_writer_by_who_may_not_write(store):
    put(store, ANA, "/pub/f")
    store.pass_time(100.0, beating="")
    create = {"client_id": "d", "now": store.now, "wall": 1.0}
    assert not can(store, BEN, lambda core: core.create("/pub/f", **create))
    assert store.state.names.get("/pub/f").writer == "c"


def test_in_a_sticky_directory_everybody_removes_only_his_own(store):
    put(store, ANA, "/tmp/f", 0o666)
    for change in (
        lambda core: core.delete("/tmp/f", wall=1.0),
        lambda core: core.rename("/tmp/f", "/tmp/g", wall=1.0),
        lambda core: core.create("/tmp/f", client_id="d", overwrite=True, now=1.0, wall=1.0),
    ):
        assert not can(store, BEN, change)
    put(store, BEN, "/tmp/bens")
    with DENIED as refused:
        store.core.on_behalf_of(BEN).rename("/tmp/bens", "/tmp/f", overwrite=True, wall=1.0)
    assert "sticky" in str(refused.value)
    assert can(store, ANA, lambda core: core.delete("/tmp/f", wall=1.0))


def test_a_tree_is_removed_only_by_who_could_empty_it(store):
    put(store, ANA, "/pub/a/b/f")
    store.take(store.core.on_behalf_of(ROOT).attributes.set_mode("/pub/a", 0o777))
    assert not can(store, BEN, lambda core: core.delete("/pub/a", recursive=True, wall=1.0))
    store.take(store.core.on_behalf_of(ROOT).attributes.set_mode("/pub/a/b", 0o777))
    assert can(store, BEN, lambda core: core.delete("/pub/a", recursive=True, wall=1.0))


def test_an_empty_directory_is_removed_by_who_may_write_above_it(store):
    store.take(store.core.on_behalf_of(ANA).mkdirs("/pub/a", wall=1.0))
    assert can(store, BEN, lambda core: core.delete("/pub/a", wall=1.0))


def test_mode_by_the_owner_group_by_an_owner_in_it_owner_by_the_superuser(store):
    put(store, ANA, "/pub/f")
    assert not can(store, BEN, lambda core: core.attributes.set_mode("/pub/f", 0o666))
    assert can(store, ANA, lambda core: core.attributes.set_mode("/pub/f", 0o640))
    assert can(store, ANA, lambda core: core.attributes.set_owner("/pub/f", group="lab"))
    assert not can(store, ANA, lambda core: core.attributes.set_owner("/pub/f", group="wheel"))
    assert not can(store, ANA, lambda core: core.attributes.set_owner("/pub/f", owner="ben"))
    assert can(store, ANA, lambda core: core.attributes.set_owner("/pub/f", owner="ana"))
    assert can(
        store, ROOT, lambda core: core.attributes.set_owner("/pub/f", owner="ben", group="wheel")
    )


def test_the_owners_bits_count_for_the_owner_even_where_the_groups_are_better(store):
    put(store, ANA, "/pub/f", 0o077)
    assert not can(store, ANA, lambda core: core.locate("/pub/f", now=0.0))
    assert can(store, BEN, lambda core: core.locate("/pub/f", now=0.0))


def test_a_walk_needs_every_directory_below(store):
    put(store, ANA, "/pub/a/f")
    store.take(store.core.on_behalf_of(ANA).attributes.set_mode("/pub/a", 0o700))
    assert not can(store, BEN, lambda core: core.walk_on(core.walk("/pub").reply))
    assert not can(store, BEN, lambda core: core.admin.fsck_page("/pub", now=store.now))
    assert can(store, ANA, lambda core: core.walk_on(core.walk("/pub").reply))


def test_a_member_of_the_supergroup_may_do_everything_and_safe_mode_is_for_them(store):
    admin = Caller("zoe", frozenset({"supergroup"}))
    assert can(store, admin, lambda core: core.mkdirs("/home/ana/new", wall=1.0))
    assert not can(store, EVE, lambda core: core.safe_mode(True))
    assert can(store, EVE, lambda core: core.safe_mode())
    assert can(store, admin, lambda core: core.safe_mode(False))


def test_permissions_can_be_turned_off_and_are_still_kept(make_cluster):
    store = make_cluster(dataclasses.replace(NameNodeConfig(), permissions=False))
    store.mkdirs("/a")
    put(store, EVE, "/a/f", 0o600)
    assert str(store.core.stat("/a/f").reply.permission) == "eve:supergroup:rw-------"


def test_a_refusal_says_who_wants_what_on_which_inode_and_what_to_do(store):
    with DENIED as refused:
        store.core.on_behalf_of(EVE).mkdirs("/home/eve/x", wall=1.0)
    assert str(refused.value) == (
        "permission denied: user 'eve' (groups: none) may not write to '/home' "
        "(root:supergroup:drwxr-xr-x). 'root' or the superuser can allow it: mapred fs chmod "
        "MODE '/home'. Not who you are? Set MAPRED_USER"
    )


def test_what_time_does_is_nobodys_request(store):
    """A lease of a file in a closed directory runs out, whoever asked something before."""
    put(store, ANA, "/home/ana/f")
    store.core.on_behalf_of(EVE).stat("/")
    store.pass_time(1000.0, beating="")
    assert not store.state.names.get("/home/ana/f").is_open
