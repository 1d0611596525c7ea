"""Which addresses a call may reach: the public network, and what a setting opens; every spelling of a private one."""

from ipaddress import ip_address, ip_network

import pytest

from edge.addresses import is_public, parsed, public_or_in
from edge.fetch import FetchForbidden, OutgoingCall, fetch
from tests.edge.test_fetch import HEAD, serving

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.1.1", "169.254.169.254", "172.16.0.1", "192.168.1.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
    "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
    "2002:a00:1::", "2001:0:a00:1::1",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_no_private_address_passes_for_a_public_one(text):
    """Private, shared, local, documentation, multicast, reserved, and IPv6 forms that carry an IPv4 address."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_pass(text):
    """Of both families."""
    assert is_public(ip_address(text))


def test_a_setting_opens_a_network_and_no_other():
    """A zone is no part of an address; an IPv6 spelling of an address of the network is that address."""
    admit = public_or_in((ip_network("10.1.0.0/16"), ip_network("fe80::/10")))
    assert [admit(parsed(text)) for text in ("10.1.2.3", "10.2.0.1", "::ffff:10.1.2.3", "fe80::1%eth0", "1.1.1.1")] == [
        True, False, True, True, True,
    ]  # fmt: skip


def answers(monkeypatch, *answered):
    """Let names have other addresses at each question; the questions are counted."""
    asked = []

    def resolve(host, port, *_, **__):
        if host[0].isdigit():
            return [(2, 1, 6, "", (host, port))]
        asked.append(host)
        found = answered[min(len(asked), len(answered)) - 1]
        return [(2, 1, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("edge.fetch.socket.getaddrinfo", resolve)
    return asked


def test_a_name_that_leads_into_this_house_is_not_called(monkeypatch):
    """Nor a name with one public and one private address."""
    with serving(HEAD % 0) as (url, asked):
        for found in (["127.0.0.1"], ["1.1.1.1", "127.0.0.1"]):
            answers(monkeypatch, found)
            with pytest.raises(FetchForbidden, match="the address is private"):
                fetch(OutgoingCall(url.replace("127.0.0.1", "host.example")), seconds=5, most=10, admit=is_public)
        assert asked == []


def test_a_name_is_asked_once_and_its_very_address_called(monkeypatch):
    """A name that changes between the look and the call leads nowhere else; the name stays what is asked for."""
    with serving(HEAD % 2, b"ok") as (url, asked):
        name = url.replace("127.0.0.1", "host.example")
        resolved = answers(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        found = fetch(OutgoingCall(name), seconds=5, most=10, admit=public_or_in((ip_network("127.0.0.1/32"),)))
        assert (found.body, len(resolved)) == (b"ok", 1)
        assert b"Host: host.example:" in asked[0]
