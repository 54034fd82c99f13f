"""Forms that are made from data: from an app's manifest, and from an object's fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..accounts import AccountError, SettingsRefused, sensible_types
from ..contract import (
    CANONICAL,
    Field,
    FieldMeaning,
    FieldType,
    Kind,
    Manifest,
    ObjectMeaning,
    Resource,
    Setting,
    SettingKind,
    interpret,
)
from ..labels import KINDS, TYPES
from ..models import ConnectedAccount

SETTING = "setting-"
"""Before the name of a setting: an app may well have one that is called "name"."""


class ServiceForm(forms.Form):
    """A form whose values a service judges: what the service refuses is shown at its field."""

    def refuse(self, error: AccountError) -> None:
        """Show each sentence at its field; what has none stands above the form."""
        for name, sentence in error.errors.items():
            field = self.field_for(name, error)
            self.add_error(field if field in self.fields else None, sentence)

    def field_for(self, name: str, error: AccountError) -> str:
        return name


class ConnectForm(ServiceForm):
    """What an app asks for. With an account: to reconnect it, and secrets may be left blank."""

    def __init__(self, *args: Any, manifest: Manifest, account: ConnectedAccount | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manifest = manifest
        for setting in manifest.settings:
            self.fields[SETTING + setting.name] = _input(setting, account)
        if account is None:
            self.fields["name"] = forms.CharField(
                label=_("Name of the account"),
                required=False,
                max_length=120,
                help_text=_("How your pages call it. Leave it blank to take the name that the app gives it."),
            )

    def field_for(self, name: str, error: AccountError) -> str:
        return SETTING + name if isinstance(error, SettingsRefused) else name

    @property
    def values(self) -> dict[str, str]:
        """For the service; once the form is valid."""
        return {setting.name: _as_text(self.cleaned_data[SETTING + setting.name]) for setting in self.manifest.settings}


class RenameForm(ServiceForm):
    name = forms.CharField(label=_("Name"), max_length=120)


class ObjectForm(ServiceForm):
    """What an object is, and what each of its fields stands for."""

    def __init__(self, *args: Any, snapshot: Resource, meaning: ObjectMeaning, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.snapshot = snapshot
        understood = interpret(snapshot, meaning)
        if snapshot.kind is None:
            self.fields["kind"] = forms.ChoiceField(
                label=_("What is it?"),
                required=False,
                choices=[("", _("Not synced as anything yet")), *KINDS.items()],
                initial=understood.kind or snapshot.proposed_kind or "",
            )
        for field in understood.fields:
            own = snapshot.field(field.name) or field
            self.fields[f"canonical:{field.name}"] = _canonical_select(field)
            self.fields[f"type:{field.name}"] = _type_select(field, own)

    def rows(self) -> list[tuple[Field, forms.BoundField, forms.BoundField]]:
        """(field, what it stands for, type), for the page."""
        return [(field, self[f"canonical:{field.name}"], self[f"type:{field.name}"]) for field in self.snapshot.fields]

    def field_for(self, name: str, error: AccountError) -> str:
        return f"canonical:{name}" if self.snapshot.field(name) else name

    @property
    def chosen_kind(self) -> Kind | None:
        chosen = self.cleaned_data.get("kind")
        return Kind(chosen) if chosen else None

    @property
    def meanings(self) -> dict[str, FieldMeaning]:
        return {
            field.name: FieldMeaning(
                canonical=self.cleaned_data[f"canonical:{field.name}"],
                type=FieldType(self.cleaned_data[f"type:{field.name}"] or field.type),
            )
            for field in self.snapshot.fields
        }


def _input(setting: Setting, account: ConnectedAccount | None) -> forms.Field:
    """The input for a setting; for an account that is there, with what is known of it."""
    secret = setting.kind is SettingKind.SECRET
    stored = bool(account and account.secrets)
    known = account.settings.get(setting.name) if account else None
    common: dict[str, Any] = {
        "label": setting.label,
        "help_text": _("Leave it blank to keep the stored one.") if secret and stored else setting.help,
        "initial": known if known is not None else setting.default,
        "required": setting.required and not (secret and stored),
    }
    attributes = {"placeholder": setting.placeholder, "autocomplete": "off", "spellcheck": "false"}
    match setting.kind:
        case SettingKind.SECRET:
            # A blank at its end may be part of it.
            attributes["autocomplete"] = "new-password"
            return forms.CharField(
                **{**common, "initial": None}, strip=False, widget=forms.PasswordInput(attrs=attributes)
            )
        case SettingKind.BOOLEAN:
            return forms.BooleanField(**{**common, "initial": common["initial"] == "true", "required": False})
        case SettingKind.CHOICE:
            blank = [] if setting.required else [("", "–")]
            return forms.ChoiceField(**common, choices=[*blank, *setting.choices])
        case SettingKind.INTEGER:
            return forms.IntegerField(**common, widget=forms.NumberInput(attrs=attributes))
        case _:
            return forms.CharField(**common, widget=forms.TextInput(attrs=attributes))


def _as_text(value: object) -> str:
    """A cleaned value as settings travel."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _canonical_select(field: Field) -> forms.ChoiceField:
    known = [("", _("Nothing in particular")), *sorted(CANONICAL.items(), key=lambda item: item[1])]
    label = _("What %(field)s stands for") % {"field": field.label}
    return forms.ChoiceField(
        label=label, required=False, choices=known, initial=field.canonical or "", widget=_cell(label)
    )


def _type_select(field: Field, own: Field) -> forms.ChoiceField:
    types = sensible_types(own)
    label = _("Type of %(field)s") % {"field": field.label}
    return forms.ChoiceField(
        label=label,
        required=False,
        choices=[(type, TYPES[type]) for type in types],
        initial=field.type,
        disabled=len(types) == 1,
        widget=_cell(label),
    )


def _cell(label: str) -> forms.Select:
    """For a table, where no label stands beside the field."""
    return forms.Select(attrs={"class": "form-select form-select-sm", "aria-label": label})
