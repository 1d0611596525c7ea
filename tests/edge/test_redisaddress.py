"""The ledger's address on Redis, which the ledger and the shared counts read in the same way."""

from contextlib import contextmanager

import pytest

from edge.redisaddress import is_cluster, read_redis_address
from edge.settings import SettingsError, load_settings
from edge.sharing import RedisShared
from ledger.redis import read_options

FULL = "rediss://u:secret@one.example:6380/2?replicas=2&node=two.example:6381&node=[2001:db8::3]:6382&keep_days=60&ssl_cert_reqs=none&ssl_cert_reqs=x"


def test_the_ledgers_options_leave_the_address_and_the_clients_own_stay():
    """A client refuses options that the client does not know."""
    read = read_redis_address(FULL + "#here")
    assert read.url == "rediss://u:secret@one.example:6380/2?ssl_cert_reqs=none&ssl_cert_reqs=x"
    assert read.nodes == (("two.example", 6381), ("2001:db8::3", 6382))
    assert (read.cluster, read.options) == (True, {"replicas": "2", "keep_days": "60"})
    assert "secret" not in repr(read)


def test_ledger_and_counts_read_one_address_alike():
    """Otherwise the counts would lie on another server than the ledger."""
    options, counts = read_options(FULL), RedisShared(FULL)._address
    assert (options.url, options.cluster, options.nodes) == (counts.url, counts.cluster, counts.nodes)


@pytest.mark.parametrize(
    ("query", "cluster"),
    [("", None), ("?cluster=true", True), ("?cluster=1", True), ("?cluster=no", False), ("?node=a:1", True)],
)
def test_an_address_names_a_cluster_or_leaves_the_question_open(query, cluster):
    """An open question goes to the server."""
    assert read_redis_address(f"redis://host/0{query}").cluster is cluster


FAULTS = {
    "cluster=perhaps": "true or false",
    "cluster=": "true or false",
    "cluster=false&node=a:1": "cluster is false",
    "node=a": "host:port",
    "node=:1": "host:port",
    "node=a:0": "host:port",
    "node=a:65536": "host:port",
    "node=a:١": "host:port",
}


@pytest.mark.parametrize(("query", "remedy"), FAULTS.items())
def test_an_option_that_cannot_be_read_is_named_with_its_remedy(query, remedy):
    """The settings refuse the address before anything starts."""
    with pytest.raises(ValueError, match=remedy):
        read_redis_address(f"redis://host/0?{query}")
    with pytest.raises(SettingsError, match=remedy):
        load_settings({"YUNJU_LEDGER_URL": f"redis://host/0?{query}"})


@pytest.mark.parametrize(
    ("reply", "cluster"), [({"cluster_enabled": 1}, True), ({"cluster_enabled": 0}, False), ({}, False)]
)
def test_the_server_is_asked_only_if_the_address_leaves_it_open(reply, cluster):
    """The client for this question is closed afterwards."""
    asked = []

    class Client:
        def info(self, section):
            asked.append(section)
            return reply

    @contextmanager
    def connect():
        yield Client()
        asked.append("closed")

    assert is_cluster(connect, named=None) is cluster
    assert asked == ["cluster", "closed"]
    assert [is_cluster(connect, named=named) for named in (True, False)] == [True, False]
    assert asked == ["cluster", "closed"]
