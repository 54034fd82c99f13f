"""What a person types to connect an app, checked by `Manifest.settings` before the app itself is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus, urlsplit

from django.utils.translation import gettext as _

from .contract import Manifest, Setting, SettingKind, SettingsInvalid

HIDDEN = "•••"


def clean(manifest: Manifest, values: Mapping[str, str]) -> dict[str, str]:
    """Every setting of the app with its value in the form that a connector is handed; "" for none given.

    Raises SettingsInvalid with a sentence for each field that is wrong, unknown ones too.
    """
    known = {setting.name for setting in manifest.settings}
    errors = {name: _("This app has no such setting.") for name in values if name not in known}
    cleaned: dict[str, str] = {}
    for setting in manifest.settings:
        try:
            cleaned[setting.name] = _clean_one(setting, values.get(setting.name))
        except ValueError as error:
            errors[setting.name] = str(error)
    if errors:
        raise SettingsInvalid(errors)
    return cleaned


def split(manifest: Manifest, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(what may be shown, the secrets)."""
    secret = secret_names(manifest)
    shown = {name: value for name, value in values.items() if name not in secret}
    return shown, {name: value for name, value in values.items() if name in secret}


def secret_names(manifest: Manifest) -> frozenset[str]:
    return frozenset(s.name for s in manifest.settings if s.kind is SettingKind.SECRET)


def scrub(text: str, secrets: Mapping[str, str]) -> str:
    """`text` without the secrets, also as they look inside a URL: an app may quote what it was sent."""
    for value in sorted((v for v in secrets.values() if v), key=len, reverse=True):
        for form in {value, quote(value, safe=""), quote_plus(value)}:
            text = text.replace(form, HIDDEN)
    return text


def _clean_one(setting: Setting, given: object) -> str:
    """Raises ValueError with a sentence."""
    if given is not None and not isinstance(given, str):
        raise ValueError(_("This has to be text."))
    # A secret is taken as it is: a blank at its end may be part of it.
    value = given if given is not None else setting.default
    value = value if setting.kind is SettingKind.SECRET else value.strip()
    if setting.kind is SettingKind.BOOLEAN:
        return _boolean(value or "false")
    if not value:
        if setting.required:
            raise ValueError(_("This is needed."))
        return ""
    check = _CHECKS.get(setting.kind)
    if check:
        check(value)
    if setting.kind is SettingKind.CHOICE and value not in dict(setting.choices):
        raise ValueError(_("Choose one of the list."))
    return value


def _boolean(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise ValueError(_("This is either true or false."))
    return value.lower()


def _check_integer(value: str) -> None:
    try:
        int(value)
    except ValueError:
        raise ValueError(_("This has to be a whole number.")) from None


def _check_url(value: str) -> None:
    """Only what every URL has; which schemes it takes is the connector's to say."""
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = None
    if parts is None or (parts.scheme and not (parts.netloc or parts.path)) or any(c.isspace() for c in value):
        raise ValueError(_("This is not a web address."))


_CHECKS: dict[SettingKind, Callable[[str], None]] = {
    SettingKind.INTEGER: _check_integer,
    SettingKind.URL: _check_url,
}
