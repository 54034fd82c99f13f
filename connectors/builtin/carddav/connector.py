"""What the marketplace shows of CardDAV, and the way in."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract import Client, Environment, Kind, Manifest, Setting, SettingKind, SettingsInvalid
from connectors.toolkit.addresses import AddressRefused, origin_of

from .client import CardDavClient

MANIFEST = Manifest(
    name="carddav",
    label="CardDAV",
    summary="Contacts in any address book that speaks CardDAV: Nextcloud, Radicale, Fastmail, iCloud and more.",
    category="Contacts",
    kinds=(Kind.CONTACT,),
    icon="contact",
    description=(
        "CardDAV is the open standard for address books. Phones, mail programs and most mail and groupware "
        "servers speak it, so the contacts that a team keeps there can be the same as in every other app.\n\n"
        "All address books of the account are offered. Names, e-mail addresses, phone numbers, postal "
        "addresses, company, job title, birthday, notes and tags are kept in step; everything else in a "
        "card, photos too, stays exactly as it is.\n\n"
        "Changes are read with the standard's own feed of changes where the server has one, else by "
        "comparing the version marks of all cards. A card that somebody else has changed meanwhile is never "
        "overwritten."
    ),
    settings=(
        Setting(
            name="address",
            label="Server address",
            kind=SettingKind.URL,
            placeholder="https://contacts.example.com",
            help="The server, your account's address on it, or one address book: whatever you have at hand.",
        ),
        Setting(name="user", label="User name", help="Often your e-mail address."),
        Setting(
            name="password",
            label="Password",
            kind=SettingKind.SECRET,
            help="If your provider offers app passwords, make one for this.",
        ),
    ),
    limits=(
        "Photos and other files in a card are neither read nor changed.",
        "A birthday without a year is left alone.",
        "Groups of contacts (lists) are not synced; tags are.",
    ),
)


class CardDavConnector:
    """See `contract.Connector`."""

    manifest = MANIFEST

    def connect(self, settings: Mapping[str, str], env: Environment) -> Client:
        """Raises SettingsInvalid for a missing value and for what is no web address."""
        errors = {
            setting.name: f"{setting.label} is missing."
            for setting in MANIFEST.settings
            if not settings.get(setting.name, "").strip()
        }
        if errors:
            raise SettingsInvalid(errors)
        address = settings["address"].strip()
        if "://" not in address:
            address = f"https://{address}"
        try:
            origin_of(address)
        except AddressRefused as error:
            raise SettingsInvalid({"address": str(error)}) from error
        return CardDavClient(address=address, user=settings["user"].strip(), password=settings["password"], env=env)


connector = CardDavConnector()
