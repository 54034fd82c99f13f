"""Credentials at rest open in their own place only (and nothing of them shows anywhere)."""

import base64

import pytest

from connectors.vault import Binding, Vault, VaultError, generate_key

ANN = Binding(workspace="acme", purpose="account", owner=1)
SECRETS = {"password": "canary-ä-secret", "token": ""}


@pytest.fixture
def keys():
    return [generate_key(), generate_key()]


def test_what_is_sealed_opens(keys):
    vault = Vault(keys)
    sealed = vault.seal(SECRETS, ANN)
    assert vault.open(sealed, ANN) == SECRETS
    assert "canary" not in sealed and b"canary" not in base64.urlsafe_b64decode(sealed.split(".")[2])
    assert vault.seal(SECRETS, ANN) != sealed


@pytest.mark.parametrize(
    "elsewhere",
    [Binding("other", "account", 1), Binding("acme", "webhook", 1), Binding("acme", "account", 2)],
)
def test_moved_to_another_place_it_does_not_open(keys, elsewhere):
    vault = Vault(keys)
    with pytest.raises(VaultError, match="another account") as caught:
        vault.open(vault.seal(SECRETS, ANN), elsewhere)
    assert "canary" not in str(caught.value)


def test_altered_it_does_not_open(keys):
    vault = Vault(keys)
    version, key, body = vault.seal(SECRETS, ANN).split(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    for position in (0, 12, len(raw) - 1):
        changed = raw.copy()
        changed[position] ^= 1
        with pytest.raises(VaultError):
            vault.open(f"{version}.{key}.{base64.urlsafe_b64encode(changed).decode()}", ANN)


@pytest.mark.parametrize("nonsense", ["", "v1", "v2.00000000.AAAA", "plain text", "v1.00000000.AAAA"])
def test_nonsense_does_not_open(keys, nonsense):
    with pytest.raises(VaultError):
        Vault(keys).open(nonsense, ANN)


def test_what_is_too_short_does_not_open(keys):
    vault = Vault(keys)
    start = vault.seal({}, ANN).rpartition(".")[0]
    for body in ("", "AAAA", "not base64!"):
        with pytest.raises(VaultError):
            vault.open(f"{start}.{body}", ANN)


def test_a_new_key_in_front_seals_and_the_old_one_still_opens(keys):
    old, new = keys
    sealed = Vault([old]).seal(SECRETS, ANN)
    both = Vault([new, old])
    assert both.open(sealed, ANN) == SECRETS
    assert not both.is_current(sealed)
    again = both.seal(SECRETS, ANN)
    assert both.is_current(again) and Vault([new]).open(again, ANN) == SECRETS
    with pytest.raises(VaultError, match="not among"):
        Vault([new]).open(sealed, ANN)


@pytest.mark.parametrize("wrong", [[], ["short"], [generate_key(), "ü" * 43], [generate_key()[:-4]]])
def test_keys_that_are_none_are_refused_without_being_shown(wrong):
    with pytest.raises(VaultError) as caught:
        Vault(wrong)
    assert all(key not in str(caught.value) for key in wrong)


def test_a_vault_does_not_show_its_keys(keys):
    vault = Vault(keys)
    assert not any(key in repr(vault) + repr(vars(vault)) for key in keys)
