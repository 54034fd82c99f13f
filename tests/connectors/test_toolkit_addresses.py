"""Where a connector may go."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from connectors.contract import Retry
from connectors.toolkit.addresses import AddressRefused, check_address, origin_of


def resolving_to(*addresses: str) -> Any:
    def resolve(host: str, port: int, **kwargs: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1"),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
        *("2001:db8::1", "2002:a9fe:a9fe::1", "::ffff:10.0.0.1"),
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address("https://x.example/", allow_private=False, resolve=resolving_to(address))
    with pytest.raises(AddressRefused):
        check_address("https://x.example/", allow_private=False, resolve=resolving_to("93.184.216.34", address))
    check_address("https://x.example/", allow_private=True, resolve=resolving_to(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_public_addresses_pass(address: str) -> None:
    check_address("https://x.example/", allow_private=False, resolve=resolving_to(address))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "gopher://x.example/",
            "file:///etc/passwd",
            "//x.example/",
            "https:///path",
            "https://x:99999/",
            "javascript:1",
        ),
        *("http://[::1", "", "x.example", "https://user@x.example/", "https://user:pw@x.example/"),
        *("http://0x7f.1/", "http://2130706433/", "http://127.1/", "http://localhost/", "http://[::ffff:7f00:1]/"),
    ],
)
def test_urls_that_go_nowhere_good_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url, allow_private=False)


def test_a_name_that_cannot_be_resolved_may_be_tried_again() -> None:
    def resolve(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror("no such name")

    with pytest.raises(Retry):
        check_address("https://x.example/", allow_private=False, resolve=resolve)
    with pytest.raises(AddressRefused):
        check_address("https://x.example/", allow_private=False, resolve=resolving_to())


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://X.example:443/a?b#c", "https://x.example"),
        ("http://x.example:80", "http://x.example"),
        ("http://x.example:8080/", "http://x.example:8080"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443"),
    ],
)
def test_credentials_are_bound_to_an_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin
