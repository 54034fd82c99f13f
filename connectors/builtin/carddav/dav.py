"""The WebDAV that address books speak: questions as XML, multi-status answers, names of things.

RFC 4918 (WebDAV), 6352 (CardDAV), 6578 (sync-collection), 6764 (finding the service).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from connectors.contract import ConnectorBroken
from connectors.toolkit.http import Request

DAV = "{DAV:}"
CARD = "{urn:ietf:params:xml:ns:carddav}"

ETAG = f"{DAV}getetag"
ADDRESS_DATA = f"{CARD}address-data"
RESOURCE_TYPE = f"{DAV}resourcetype"
DISPLAY_NAME = f"{DAV}displayname"
PRINCIPAL = f"{DAV}current-user-principal"
HOME_SET = f"{CARD}addressbook-home-set"
REPORTS = f"{DAV}supported-report-set"
PRIVILEGES = f"{DAV}current-user-privilege-set"
SYNC_TOKEN = f"{DAV}sync-token"
DATA_TYPES = f"{CARD}supported-address-data"

ET.register_namespace("", "DAV:")
ET.register_namespace("C", CARD[1:-1])

XML = {"Content-Type": "application/xml; charset=utf-8"}

_UNREADABLE = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcBCeEfF]|1[0-9a-fA-F]);|0*(?:[0-8]|1[124-9]|2\d|3[01]);)"
)
_STATUS = re.compile(r"\s*HTTP/\S+\s+(\d{3})")


@dataclass(frozen=True, slots=True)
class Row:
    """What a multi-status answer says of one thing."""

    href: str
    """See `name_of`."""
    status: int = 200
    """Of the whole row; 200 where it lists properties."""
    props: Mapping[str, ET.Element] = field(default_factory=dict)
    """The properties that were found."""

    def text(self, name: str) -> str | None:
        found = self.props.get(name)
        return found.text if found is not None else None


@dataclass(frozen=True, slots=True)
class MultiStatus:
    rows: tuple[Row, ...]
    sync_token: str | None


def name_of(href: str, *, beside: str) -> str:
    """What a thing on the server is called here: its path, percent-encoded in one way, whatever the server's.

    `beside` is the address that was asked, for relative references. Scheme and host are left out: a server
    behind a proxy often does not know its own.
    """
    path = urlsplit(urljoin(beside, href.strip())).path
    # Two slashes at the start would later be read as the name of a host.
    return "/" + "/".join(_encoded(part) for part in path.lstrip("/").split("/"))


def _encoded(part: str) -> str:
    return quote(unquote(part, errors="surrogateescape"), safe="@:!$&'()*+,;=~-._", errors="surrogateescape")


def propfind(url: str, props: Iterable[str], *, depth: int = 0) -> Request:
    root = ET.Element(f"{DAV}propfind")
    _add_props(root, props)
    return Request("PROPFIND", url, body=_bytes(root), headers={**XML, "Depth": str(depth)})


def sync_collection(url: str, *, token: str, props: Iterable[str]) -> Request:
    """What changed since `token`; everything for an empty one (RFC 6578, 3.2)."""
    root = ET.Element(f"{DAV}sync-collection")
    ET.SubElement(root, SYNC_TOKEN).text = token
    ET.SubElement(root, f"{DAV}sync-level").text = "1"
    _add_props(root, props)
    return Request("REPORT", url, body=_bytes(root), headers={**XML, "Depth": "0"}, ok=(400, 403, 409, 410, 412))


def multiget(url: str, hrefs: Sequence[str]) -> Request:
    """Tags and cards of these members (RFC 6352, 8.7)."""
    root = ET.Element(f"{CARD}addressbook-multiget")
    _add_props(root, (ETAG, ADDRESS_DATA))
    for href in hrefs:
        ET.SubElement(root, f"{DAV}href").text = href
    return Request("REPORT", url, body=_bytes(root), headers={**XML, "Depth": "0"})


def _add_props(root: ET.Element, props: Iterable[str]) -> None:
    wanted = ET.SubElement(root, f"{DAV}prop")
    for name in props:
        ET.SubElement(wanted, name)


def _bytes(root: ET.Element) -> bytes:
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


class _PlainXml(ET.TreeBuilder):
    """Refuses a document type: no answer needs one, and entities can be made to explode."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ConnectorBroken("The server's XML has a document type, which is not read.")


def parse(body: bytes) -> ET.Element:
    """The answer's root. Raises ConnectorBroken for what is not whole XML.

    Characters that XML cannot hold, but that servers pass on out of cards, are left out: one bad card
    must not make the others unreadable.
    """
    try:
        return _parse(body)
    except ET.ParseError:
        try:
            return _parse(_UNREADABLE.sub(b"", body))
        except ET.ParseError as error:
            raise ConnectorBroken(f"The server's answer is not whole XML ({error}).") from error


def _parse(body: bytes) -> ET.Element:
    parser: Any = ET.XMLParser(target=_PlainXml())
    return ET.fromstring(body, parser=parser)


def multi_status(body: bytes, *, beside: str) -> MultiStatus:
    """The answer of the address `beside`. Raises ConnectorBroken for what is not a whole multi-status answer."""
    root = parse(body)
    if root.tag != f"{DAV}multistatus":
        raise ConnectorBroken(f"The server answered {root.tag} in place of a multi-status.")
    rows = tuple(row for response in root.iterfind(f"{DAV}response") for row in _rows(response, beside=beside))
    return MultiStatus(rows=rows, sync_token=(root.findtext(SYNC_TOKEN) or "").strip() or None)


def _rows(response: ET.Element, *, beside: str) -> Iterable[Row]:
    props: dict[str, ET.Element] = {}
    for propstat in response.iterfind(f"{DAV}propstat"):
        found = propstat.find(f"{DAV}prop")
        if found is not None and 200 <= _status(propstat, otherwise=200) < 300:
            props.update((prop.tag, prop) for prop in found)
    status = _status(response, otherwise=200)
    for href in response.iterfind(f"{DAV}href"):
        yield Row(href=name_of(href.text or "", beside=beside), status=status, props=props)


def _status(element: ET.Element, *, otherwise: int) -> int:
    text = element.findtext(f"{DAV}status")
    if text is None:
        return otherwise
    found = _STATUS.match(text)
    if not found:
        raise ConnectorBroken(f"The server answered the status {text[:40]!r}.")
    return int(found[1])


def hrefs_in(element: ET.Element | None) -> list[str]:
    """The href elements within a property."""
    found = element.iterfind(f".//{DAV}href") if element is not None else ()
    return [href.text for href in found if href.text]


def takes_only_v4(row: Row) -> bool:
    """Whether an address book takes cards of version 4.0 and none of 3.0 (RFC 6352, 6.2.2)."""
    types = row.props.get(DATA_TYPES)
    versions = {each.get("version", "3.0") for each in types} if types is not None else set()
    return "4.0" in versions and "3.0" not in versions
