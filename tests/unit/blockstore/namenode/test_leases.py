from blockstore.namenode.leases import Leases


def test_a_sign_of_life_renews_a_lease():
    leases = Leases(soft_s=60, hard_s=300)
    leases.grant("ana", now=0)
    leases.renew("ana", now=50)
    assert not leases.is_soft_expired("ana", now=110)
    assert leases.is_soft_expired("ana", now=110.1)


def test_a_client_without_a_lease_gets_none_by_renewing():
    leases = Leases(soft_s=60, hard_s=300)
    leases.renew("ana", now=0)
    assert len(leases) == 0
    assert leases.is_soft_expired("ana", now=0)


def test_a_client_whose_time_is_over_is_told_once():
    leases = Leases(soft_s=60, hard_s=300)
    leases.grant("ana", now=0)
    leases.grant("ben", now=1)
    assert leases.take_hard_expired(now=300) == []
    assert leases.take_hard_expired(now=300.5) == ["ana"]
    assert leases.take_hard_expired(now=300.6) == []
