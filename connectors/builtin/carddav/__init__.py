"""CardDAV: the contacts of any address book server.

Reading order: `vcard` (a card as lines), `elements` and `lenses` (lines as values), `fields` (what a contact
has), `dav` (the protocol), `discovery`, `book` and `writing` (what is asked), `client`, `connector`.
"""

from .connector import connector

__all__ = ["connector"]
