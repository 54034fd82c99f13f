"""Rotating the keys seals every workspace's credentials anew, and nothing else notices."""

import pytest
from django.core.management import CommandError, call_command

from connectors import accounts
from connectors.contract import SignInAgain
from connectors.models import ConnectedAccount
from connectors.vault import generate_key
from tenants.context import workspace_context


@pytest.fixture
def both(apps, workspace, other_workspace):
    """One account in each of two workspaces, with equal ids where the sequences allow it."""
    made = [apps.connect()]
    with workspace_context(other_workspace):
        made.append(apps.connect())
    return list(zip((workspace, other_workspace), made, strict=True))


def test_all_workspaces_are_sealed_anew(both, settings, capsys):
    settings.SYNCSITE_KEYS = [generate_key(), *settings.SYNCSITE_KEYS]
    call_command("rotate_keys")
    assert "2 sealed anew" in capsys.readouterr().out
    settings.SYNCSITE_KEYS = settings.SYNCSITE_KEYS[:1]
    for workspace, account in both:
        with workspace_context(workspace), accounts.open_client(ConnectedAccount.objects.get(pk=account.pk)) as client:
            assert client.identify().id == "acme"
    call_command("rotate_keys")
    assert "0 sealed anew" in capsys.readouterr().out


def test_what_no_key_opens_is_told_and_left_as_it_is(both, settings, capsys):
    settings.SYNCSITE_KEYS = [generate_key()]
    with pytest.raises(CommandError, match="2 could not be opened"):
        call_command("rotate_keys")
    told = capsys.readouterr().err
    assert "acme, account" in told and "globex, account" in told
    for workspace, account in both:
        with workspace_context(workspace):
            assert ConnectedAccount.objects.get(pk=account.pk).secrets == account.secrets


def test_credentials_of_one_workspace_do_not_open_in_another(both):
    (_, ours), (other, theirs) = both
    with workspace_context(other):
        ConnectedAccount.objects.filter(pk=theirs.pk).update(secrets=ours.secrets)
        moved = ConnectedAccount.objects.get(pk=theirs.pk)
        with pytest.raises(SignInAgain), accounts.open_client(moved):
            pytest.fail("it must not open")
