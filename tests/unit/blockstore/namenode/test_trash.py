import dataclasses

import pytest

from blockstore.errors import AccessControlException, PathIsNotEmptyDirectoryException
from blockstore.model import Removal
from blockstore.namenode.access import Caller
from blockstore.namenode.config import NameNodeConfig

ANA, BEN, ROOT = Caller("ana"), Caller("ben"), Caller("root")
HOUR = 3600.0


@pytest.fixture
def store(cluster):
    cluster.take(cluster.core.attributes.set_mode("/", 0o777))
    return cluster


def put(store, who, path):
    store.core.on_behalf_of(who)
    store.create(path)
    store.state.names.get(path)


def throw(store, who, path, **options):
    core = store.core.on_behalf_of(who)
    return store.take(core.trash.throw_away(path, wall=store.wall, **options))


def below(store, path):
    names = store.state.names
    top = names.find(path)
    return [] if top is None else sorted(names.path_of(inode) for inode in names.walk(top))


def skip(store, hours):
    """Time passes, and the NameNode looks after it."""
    for _ in range(round(hours * 2)):
        store.now += HOUR / 2
        store.tick()


def test_what_is_deleted_lies_in_the_trash_of_who_deleted_it_by_its_path(store):
    put(store, ANA, "/logs/2026/a")
    assert throw(store, ANA, "/logs/2026/a") == Removal(True, "/.Trash/ana/Current/logs/2026/a")
    assert throw(store, ANA, "/logs/2026/a") == Removal(False)
    shown = [
        f"{path} {store.state.names.get(path).permission}"
        for path in ("/.Trash", "/.Trash/ana", "/.Trash/ana/Current/logs")
    ]
    assert shown == [
        "/.Trash root:supergroup:rwxr-xr-x",
        "/.Trash/ana ana:supergroup:rwx------",
        "/.Trash/ana/Current/logs ana:supergroup:rwx------",
    ]
    store.take(
        store.core.on_behalf_of(ANA).rename(
            "/.Trash/ana/Current/logs/2026/a", "/logs/2026/a", wall=store.wall
        )
    )
    assert store.core.stat("/logs/2026/a").reply.permission.owner == "ana"


def test_one_deletion_is_one_group_and_its_repeat_gets_the_same_answer(store):
    put(store, ANA, "/a")
    first = throw(store, ANA, "/a", request_id="r")
    put(store, ANA, "/a")
    store.restart()
    assert throw(store, ANA, "/a", request_id="r") == first
    assert store.state.names.find("/a") is not None


def test_a_taken_name_gets_the_time_behind_it(store):
    for _ in range(3):
        put(store, ANA, "/a")
        throw(store, ANA, "/a")
    names = [path.rpartition("/")[2] for path in below(store, "/.Trash/ana/Current")[1:]]
    stamp = int(store.wall * 1000)
    assert names == ["a", f"a.{stamp}", f"a.{stamp + 1}"]


def test_a_file_in_the_way_of_a_directory_is_no_hindrance(store):
    put(store, ANA, "/a")
    throw(store, ANA, "/a")
    put(store, ANA, "/a/b")
    stamp = int(store.wall * 1000)
    assert throw(store, ANA, "/a/b").trash_path == f"/.Trash/ana/Current/a.{stamp}/b"


def test_a_path_too_long_for_the_trash_is_kept_by_its_name(store):
    path = "/" + "/".join(["d" * 254] * 16)
    put(store, ANA, path + "/f")
    assert throw(store, ANA, path + "/f").trash_path == "/.Trash/ana/Current/f"


def test_a_long_name_that_is_taken_stays_a_name(store):
    path = "/" + "ä" * 127
    for _ in range(2):
        put(store, ANA, path)
        trashed = throw(store, ANA, path).trash_path
    assert len(trashed.rpartition("/")[2].encode()) <= 255
    assert store.core.stat(trashed)


def test_deleting_in_the_trash_deletes(store):
    put(store, ANA, "/a")
    trashed = throw(store, ANA, "/a").trash_path
    assert throw(store, ANA, trashed) == Removal(True)
    assert below(store, "/.Trash/ana/Current") == ["/.Trash/ana/Current"]


def test_without_a_trash_a_deletion_is_one(make_cluster):
    store = make_cluster(dataclasses.replace(NameNodeConfig(), trash_interval_s=0.0))
    put(store, ROOT, "/a")
    assert throw(store, ROOT, "/a") == Removal(True)
    assert store.paths() == []


def test_only_who_may_delete_may_throw_away(store):
    put(store, ANA, "/d/f")
    with pytest.raises(AccessControlException):
        throw(store, BEN, "/d/f")
    with pytest.raises(PathIsNotEmptyDirectoryException):
        throw(store, ANA, "/d")
    assert throw(store, ANA, "/d", recursive=True).deleted


def test_nobody_makes_the_trash_or_looks_into_anothers(store):
    core = store.core.on_behalf_of(BEN)
    for change in (
        lambda: core.mkdirs("/.Trash/ben", wall=1.0),
        lambda: core.create("/.Trash", client_id="c", now=1.0, wall=1.0),
    ):
        with pytest.raises(AccessControlException, match="the NameNode makes it"):
            change()
    put(store, ANA, "/a")
    throw(store, ANA, "/a")
    with pytest.raises(AccessControlException):
        store.core.on_behalf_of(BEN).listing("/.Trash/ana")


def test_the_trash_empties_itself_a_day_after_the_checkpoint(store):
    store.tick()
    put(store, ANA, "/a")
    throw(store, ANA, "/a")
    skip(store, 1)
    checkpoint = below(store, "/.Trash/ana")[1]
    assert checkpoint.startswith("/.Trash/ana/20")
    assert below(store, "/.Trash/ana")[2] == checkpoint + "/a"
    put(store, ANA, "/later")
    throw(store, ANA, "/later")
    skip(store, 23)
    assert checkpoint + "/a" in below(store, "/.Trash/ana")
    skip(store, 1)
    left = below(store, "/.Trash/ana")
    assert [path.rpartition("/")[2] for path in left if path.count("/") > 3] == ["later"]
    skip(store, 2)
    assert below(store, "/.Trash/ana") == ["/.Trash/ana"]


def test_a_restart_forgets_nothing_of_it(store):
    put(store, ANA, "/a")
    throw(store, ANA, "/a")
    store.tick()
    store.restart()
    store.now += 24.1 * HOUR
    store.tick()
    assert below(store, "/.Trash/ana") == ["/.Trash/ana"]


def test_a_tick_looks_at_a_few_users(store):
    for number in range(50):
        put(store, ROOT, f"/{number}")
        throw(store, Caller(f"user{number}", frozenset({"supergroup"})), f"/{number}")
    moved = [len(store.core.tick(now=store.now, wall=store.wall).entries) for _ in range(4)]
    assert moved == [20, 20, 10, 0]


def test_expunge_makes_a_checkpoint_and_at_once_removes_all(store):
    for who in (ANA, BEN):
        put(store, who, "/a")
        throw(store, who, "/a")
    store.take(store.core.on_behalf_of(ANA).trash.expunge(wall=store.wall))
    assert below(store, "/.Trash/ana/Current") == []
    assert len(below(store, "/.Trash/ana")) == 3
    store.take(store.core.on_behalf_of(ANA).trash.expunge(immediate=True, wall=store.wall))
    assert below(store, "/.Trash/ana") == []
    assert len(below(store, "/.Trash/ben")) == 3
