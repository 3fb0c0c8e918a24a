import pytest

from blockstore.errors import FileNotFoundException, InvalidRequestException
from blockstore.model import Permission
from blockstore.namenode.entries import PermissionSet
from blockstore.namenode.ownership import Modes


def stat(cluster, path):
    return cluster.core.stat(path).reply


def letters(cluster, path):
    return str(stat(cluster, path).permission)


def test_a_new_inode_belongs_to_its_maker_and_to_the_group_of_its_directory(cluster):
    cluster.take(cluster.core.attributes.set_owner("/", group="lab"))
    cluster.create("/a/f")
    assert letters(cluster, "/a") == "root:lab:rwxr-xr-x"
    assert letters(cluster, "/a/f") == "root:lab:rw-r--r--"


def test_directories_on_the_way_can_be_entered_by_their_maker_whatever_was_asked(cluster):
    cluster.take(cluster.core.mkdirs("/a/b/c", modes=Modes(0o1050, 0o050), wall=1.0))
    assert letters(cluster, "/a/b") == "root:supergroup:-wxr-x---"
    assert letters(cluster, "/a/b/c") == "root:supergroup:---r-x--T"


def test_a_create_and_its_repeat_tell_the_mode_that_was_given(cluster):
    cluster.create("/f", request_id="r", modes=Modes(0o600))
    again = cluster.take(
        cluster.core.create("/f", client_id="ana", request_id="r", now=1.0, wall=1.0)
    )
    assert str(again.permission) == letters(cluster, "/f") == "root:supergroup:rw-------"


def test_mode_owner_and_group_change_alone_and_outlive_a_restart(cluster):
    cluster.create("/f")
    cluster.take(cluster.core.attributes.set_mode("/f", 0o1751))
    cluster.take(cluster.core.attributes.set_owner("/f", owner="eve"))
    cluster.take(cluster.core.attributes.set_owner("/f", group="lab"))
    cluster.restart()
    assert letters(cluster, "/f") == "eve:lab:rwxr-x--t"


def test_a_repeated_chmod_does_not_undo_what_came_between(cluster):
    cluster.create("/f")
    cluster.take(cluster.core.attributes.set_mode("/f", 0o600, request_id="first"))
    cluster.take(cluster.core.attributes.set_mode("/f", 0o640, request_id="second"))
    cluster.take(cluster.core.attributes.set_mode("/f", 0o600, request_id="first"))
    assert letters(cluster, "/f") == "root:supergroup:rw-r-----"


def test_what_is_so_already_needs_no_entry(cluster):
    cluster.create("/f")
    assert cluster.core.attributes.set_mode("/f", 0o644).entries == ()
    assert cluster.core.attributes.set_owner("/f", owner="root").entries == ()
    assert cluster.core.attributes.set_times("/f").entries == ()


def test_equal_permissions_are_one_object_in_memory(cluster):
    for name in "abc":
        cluster.create(f"/{name}")
    owned = {id(cluster.state.names.get(f"/{name}").permission) for name in "abc"}
    assert len(owned) == 1


def test_times_are_set_one_by_one_and_a_directory_has_no_access_time(cluster):
    cluster.create("/a/f")
    made_at_s = stat(cluster, "/a/f").accessed_at_s
    cluster.take(cluster.core.attributes.set_times("/a/f", modified_at_s=5.0))
    assert (stat(cluster, "/a/f").modified_at_s, made_at_s) == (5.0, cluster.wall)
    cluster.take(cluster.core.attributes.set_times("/a/f", accessed_at_s=7.0))
    cluster.take(cluster.core.attributes.set_times("/a", modified_at_s=1.0, accessed_at_s=9.0))
    times = [
        (s.modified_at_s, s.accessed_at_s) for s in (stat(cluster, "/a/f"), stat(cluster, "/a"))
    ]
    assert times == [(5.0, 7.0), (1.0, 0.0)]


@pytest.mark.parametrize("mode", [-1, 0o2000, 0o10000])
def test_a_mode_with_unknown_bits_is_refused(cluster, mode):
    cluster.create("/f")
    with pytest.raises(InvalidRequestException, match="octal"):
        cluster.core.attributes.set_mode("/f", mode)
    assert not any(isinstance(e, PermissionSet) for e in cluster.entries)


@pytest.mark.parametrize("at_s", [float("nan"), float("inf"), -1e300])
def test_a_time_that_is_none_is_refused(cluster, at_s):
    cluster.create("/f")
    with pytest.raises(InvalidRequestException, match="no time"):
        cluster.core.attributes.set_times("/f", modified_at_s=at_s)


def test_attributes_of_what_is_not_there(cluster):
    with pytest.raises(FileNotFoundException):
        cluster.core.attributes.set_mode("/no", 0o644)


def test_letters_of_a_mode():
    shown = [Permission("", "", mode).letters for mode in (0o755, 0o640, 0o1777, 0o1000)]
    assert shown == ["rwxr-xr-x", "rw-r-----", "rwxrwxrwt", "--------T"]


def test_a_reading_is_noted_once_an_hour_and_not_in_safe_mode(cluster):
    cluster.create("/f")
    noted = []
    for seconds in (60.0, 3599.0, 1.0, 3599.0, 1.0, 3600.0):
        cluster.now += seconds
        if len(noted) == 5:
            cluster.take(cluster.core.safe_mode(True))
        ready = cluster.core.attributes.was_read("/f", wall=cluster.wall)
        noted.append(len(ready.entries))
        cluster.take(ready)
    assert noted == [0, 1, 0, 1, 0, 0]
    assert stat(cluster, "/f").accessed_at_s == cluster.wall - 3601.0
