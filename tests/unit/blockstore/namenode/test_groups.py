import asyncio
import grp
import os
import pwd

import pytest

from blockstore.errors import ConfigException, InvalidRequestException
from blockstore.namenode import groups
from blockstore.namenode.access import Caller
from blockstore.namenode.groups import Groups


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


def caller(known, user):
    return asyncio.run(known.caller(user))


def test_groups_come_from_the_configuration_then_from_the_machine():
    me = pwd.getpwuid(os.getuid()).pw_name
    known = Groups("ana=lab,users;ben=", Clock())
    assert caller(known, "ana") == Caller("ana", frozenset({"lab", "users"}))
    assert caller(known, "ben") == Caller("ben")
    assert grp.getgrgid(os.getgid()).gr_name in caller(known, me).groups
    assert caller(known, "nobody-of-that-name") == Caller("nobody-of-that-name")


def test_a_call_without_a_user_is_nobodys_and_no_call_is_the_namenodes_own():
    known = Groups("", Clock())
    assert caller(known, "").user == "nobody"
    assert caller(known, None) is None


def test_a_user_is_looked_up_again_after_a_while(monkeypatch):
    asked = []
    monkeypatch.setattr(groups, "of_this_machine", lambda user: asked.append(user) or frozenset())
    clock = Clock()
    known = Groups("", clock)
    for clock.now in (0.0, 299.0, 301.0):
        caller(known, "ana")
    assert asked == ["ana", "ana"]


@pytest.mark.parametrize("name", ["a/b", "..", "x\0y", "n" * 300])
def test_a_name_that_could_be_no_directory_is_refused(name):
    with pytest.raises(InvalidRequestException, match="MAPRED_USER"):
        caller(Groups("", Clock()), name)


@pytest.mark.parametrize("words", ["ana", "=lab", "ana=lab;ben"])
def test_a_configuration_that_says_nothing_is_refused(words):
    with pytest.raises(ConfigException, match="user=group"):
        groups.parse(words)
