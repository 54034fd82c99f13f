"""Forms of people and workspaces."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from functools import cache
from operator import itemgetter
from typing import Any

from allauth.account.forms import SignupForm
from allauth.core import context as allauth_context
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from phonenumbers.geodata.locale import LOCALE_DATA

from .models import Role, Workspace
from .workspaces import create_workspace

INVITED = "invitation"
"""Session key: the token of the invitation that somebody signs up for."""


class SignUpForm(SignupForm):
    """A person and their first workspace; who was invited joins that one instead."""

    workspace_name = forms.CharField(
        label=_("Workspace name"),
        max_length=120,
        help_text=_("Usually the name of your company."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    field_order = ("workspace_name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if INVITED in allauth_context.request.session:
            del self.fields["workspace_name"]

    def try_save(self, request: HttpRequest) -> tuple[Any, Any]:
        # Without its workspace a person would be left half signed up.
        with transaction.atomic():
            return super().try_save(request)

    def custom_signup(self, request: HttpRequest, user: Any) -> None:
        super().custom_signup(request, user)
        if name := self.cleaned_data.get("workspace_name"):
            create_workspace(name=name, owner=user)


class WorkspaceNameForm(forms.Form):
    """Another workspace."""

    name = forms.CharField(label=_("Workspace name"), max_length=120)


class WorkspaceSettingsForm(forms.ModelForm):
    """What a workspace says of itself."""

    class Meta:
        model = Workspace
        fields = ("name", "time_zone", "country", "preview_required")
        help_texts = {
            "time_zone": _("Dates without a time are midnight here."),
            "country": _("Reads phone numbers that are written without a country."),
            "preview_required": _("Settings of a sync take effect only once somebody has seen what they would do."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = [(zone, zone.replace("_", " ")) for zone in time_zones()]
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"), choices=zones, help_text=self.Meta.help_texts["time_zone"]
        )
        self.fields["country"] = forms.ChoiceField(
            label=_("Country"),
            choices=[("", _("Not stated")), *countries(get_language() or "en")],
            required=False,
            help_text=self.Meta.help_texts["country"],
        )


class InvitationForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.VIEWER)

    def __init__(self, *args: Any, roles: Iterable[tuple[str, str]] = Role.choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = list(roles)


class APIKeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=50, help_text=_("What uses it, so that you know it again."))
    read_only = forms.BooleanField(label=_("Read only"), required=False)


@cache
def time_zones() -> tuple[str, ...]:
    """Names of places, without the abbreviations and the copies of old names."""
    areas = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    names = (name for name in zoneinfo.available_timezones() if name.partition("/")[0] in areas)
    return ("UTC", *sorted(names))


@cache
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """Codes (ISO 3166 alpha-2) and names in this language, else in English, by name."""
    short = language.partition("-")[0]
    return tuple(sorted(((code, _country(names, short)) for code, names in LOCALE_DATA.items()), key=itemgetter(1)))


def _country(names: dict[str, str], language: str) -> str:
    # A name that begins with a star is the language to look under instead.
    name = names.get(language) or names["en"]
    return names[name.removeprefix("*")] if name.startswith("*") else name
