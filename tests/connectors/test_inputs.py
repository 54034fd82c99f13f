"""What a person types is checked by the manifest before the app is asked."""

from dataclasses import replace

import pytest

from connectors.contract import Setting, SettingKind, SettingsInvalid
from connectors.inputs import HIDDEN, clean, scrub, split
from connectors.testing.memory import MANIFEST


def manifest(*settings):
    return replace(MANIFEST, settings=settings)


@pytest.mark.parametrize(
    ("kind", "typed", "cleaned"),
    [
        (SettingKind.TEXT, "  acme ", "acme"),
        (SettingKind.SECRET, " with blanks ", " with blanks "),
        (SettingKind.INTEGER, "5432", "5432"),
        (SettingKind.BOOLEAN, "True", "true"),
        (SettingKind.BOOLEAN, "", "false"),
        (SettingKind.CHOICE, "b", "b"),
        (SettingKind.URL, "https://example.com/a", "https://example.com/a"),
        (SettingKind.URL, "example.com", "example.com"),
    ],
)
def test_in_the_form_that_a_connector_is_handed(kind, typed, cleaned):
    setting = Setting("one", "One", kind, choices=(("a", "A"), ("b", "B")))
    assert clean(manifest(setting), {"one": typed}) == {"one": cleaned}


@pytest.mark.parametrize(
    ("kind", "typed", "sentence"),
    [
        (SettingKind.TEXT, "  ", "needed"),
        (SettingKind.SECRET, "", "needed"),
        (SettingKind.INTEGER, "many", "whole number"),
        (SettingKind.BOOLEAN, "perhaps", "true or false"),
        (SettingKind.CHOICE, "c", "Choose one"),
        (SettingKind.URL, "https://", "web address"),
        (SettingKind.URL, "http://[::1", "web address"),
        (SettingKind.URL, "two words", "web address"),
        (SettingKind.TEXT, 7, "text"),
    ],
)
def test_refused_at_its_field(kind, typed, sentence):
    with pytest.raises(SettingsInvalid) as caught:
        clean(manifest(Setting("one", "One", kind, choices=(("a", "A"),))), {"one": typed})
    assert sentence in caught.value.errors["one"]


def test_all_errors_at_once_unknown_names_too():
    two = manifest(Setting("a", "A"), Setting("b", "B"))
    with pytest.raises(SettingsInvalid) as caught:
        clean(two, {"c": "?"})
    assert set(caught.value.errors) == {"a", "b", "c"}


def test_what_is_optional_is_blank_and_defaults_hold():
    settings = (Setting("a", "A", required=False), Setting("b", "B", default="x"))
    assert clean(manifest(*settings), {}) == {"a": "", "b": "x"}


def test_secrets_are_told_from_the_rest():
    assert split(MANIFEST, {"account": "acme", "password": "p"}) == ({"account": "acme"}, {"password": "p"})


def test_scrubbing_knows_a_secret_inside_a_url_too():
    text = "cannot open postgresql://u:s%2Fcret%20one@h/db with s/cret one or s%2Fcret+one"
    assert scrub(text, {"password": "s/cret one", "blank": ""}) == (
        f"cannot open postgresql://u:{HIDDEN}@h/db with {HIDDEN} or {HIDDEN}"
    )
