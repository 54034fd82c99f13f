"""Staff look at a workspace's accounts; they change nothing, and see no secret."""

import pytest

from connectors.models import ConnectedAccount, RateBudget


@pytest.fixture
def account(apps, in_workspace):
    return apps.connect(name="Ours")


@pytest.mark.parametrize("model", ["connectedaccount", "accountobject", "ratebudget"])
def test_lists_are_for_staff_only(account, url, staff_client, owner_client, model):
    page = url(f"workspace_admin:connectors_{model}_changelist")
    assert staff_client.get(page).status_code == 200
    assert owner_client.get(page).status_code == 404
    assert staff_client.get(url(f"workspace_admin:connectors_{model}_add")).status_code == 403


def test_an_account_is_shown_without_its_secrets_and_not_changed(account, url, staff_client):
    page = url("workspace_admin:connectors_connectedaccount_change", account.pk)
    shown = staff_client.get(page).content.decode()
    assert "Ours" in shown and "Contacts" in shown and "ann@example.com" in shown
    assert account.secrets not in shown and account.secrets.split(".")[2][:20] not in shown
    assert staff_client.post(page, {"name": "Theirs"}).status_code == 403
    delete = url("workspace_admin:connectors_connectedaccount_delete", account.pk)
    assert staff_client.post(delete, {"post": "yes"}).status_code == 403
    assert ConnectedAccount.objects.get().name == "Ours"


def test_an_object_and_a_budget_are_shown(account, url, staff_client):
    budget = RateBudget.objects.create(account=account, used_until=account.created_at)
    for page in (
        url("workspace_admin:connectors_accountobject_change", account.objects_offered.first().pk),
        url("workspace_admin:connectors_ratebudget_change", budget.pk),
    ):
        assert staff_client.get(page).status_code == 200
