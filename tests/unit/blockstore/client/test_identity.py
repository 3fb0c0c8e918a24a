import pytest

from blockstore.client.identity import identity
from blockstore.errors import ConfigException
from blockstore.runtime.config import os_user
from blockstore.runtime.identity import user_of, words_of


def test_who_asks_is_the_argument_then_the_variable_then_the_processs_user():
    assert identity("ana", {"MAPRED_USER": "ben"}).user == "ana"
    assert identity(None, {"MAPRED_USER": "ben"}).user == "ben"
    assert identity(None, {}).user == os_user()


@pytest.mark.parametrize(
    ("word", "file_mode", "directory_mode"),
    [("", 0o644, 0o755), ("027", 0o640, 0o750), ("0", 0o666, 0o777), ("777", 0, 0)],
)
def test_the_umask_is_taken_from_what_is_asked_for(word, file_mode, directory_mode):
    who = identity(None, {"MAPRED_UMASK": word})
    assert (who.file_mode, who.directory_mode) == (file_mode, directory_mode)


@pytest.mark.parametrize("word", ["9", "u=rwx", "-1", "1777"])
def test_a_umask_that_is_none_is_refused(word):
    with pytest.raises(ConfigException, match="MAPRED_UMASK"):
        identity(None, {"MAPRED_UMASK": word})


def test_a_name_crosses_the_wire_in_any_script():
    assert user_of(words_of("Żółw")) == "Żółw"
    assert user_of(()) == ""
