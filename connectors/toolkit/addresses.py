"""Where a connector may go: addresses are given by customers, and the site stands inside somebody's network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import Retry, SettingsInvalid

Resolve = Callable[..., list[tuple[Any, ...]]]
"""`socket.getaddrinfo`, or what stands in for it."""

DEFAULT_PORTS = {"http": 80, "https": 443}

_EMBEDDED_IPV4 = (
    # A prefix of IPv6 addresses that carry an IPv4 address, and how far from the end it stands.
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (ipaddress.ip_network("64:ff9b:1::/48"), 0),  # NAT64 for local use, RFC 8215
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4, RFC 3056
)


class AddressRefused(SettingsInvalid):
    """The address may not be visited from here."""

    def __init__(self, message: str) -> None:
        super().__init__({"": message})


def origin_of(url: str) -> str:
    """Scheme, host and port: what credentials are bound to. "https://example.com", without a default port.

    Raises AddressRefused for what is no web address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused("This is not a web address.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise AddressRefused("The address must begin with https:// or http:// and name a host.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def check_address(url: str, *, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> None:
    """Let an address pass, or raise AddressRefused. Every address that the host resolves to must be public.

    The host is resolved again when the connection is made; a name server that answers otherwise the second
    time is not caught here. Raises Retry when the name cannot be resolved.
    """
    origin_of(url)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("The address must not contain a user name or a password.")
    if allow_private:
        return
    try:
        answers = resolve(parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"The host {parts.hostname} cannot be found.") from error
    if not answers or not all(_is_public(answer[4][0]) for answer in answers):
        raise AddressRefused(f"{parts.hostname} is not a public address.")


def check_host(host: str, port: int, *, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> tuple[str, ...]:
    """The addresses of a host that speaks something else than HTTP (a database), each of them allowed.

    Connect to one of these and not to the name, which may lead somewhere else when it is asked again.
    Raises AddressRefused where one of them is not public, and Retry when the name cannot be resolved.
    """
    try:
        answers = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"The host {host} cannot be found.") from error
    addresses = tuple(dict.fromkeys(answer[4][0] for answer in answers))
    if not addresses or not (allow_private or all(map(_is_public, addresses))):
        raise AddressRefused(f"{host} is not a public address.")
    return addresses


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        else:
            for network, shift in _EMBEDDED_IPV4:
                if ip in network:
                    return _is_public(str(ipaddress.IPv4Address((int(ip) >> shift) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast
