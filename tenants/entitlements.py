"""What a workspace's plan allows. Plans are data: code asks by name and knows no plan."""

from .models import Workspace


def has(workspace: Workspace, feature: str) -> bool:
    """Whether the plan opens this feature (`"custom_mappings"`, say)."""
    return feature in workspace.plan.entitlements.get("features", ())


def limit(workspace: Workspace, name: str) -> int | None:
    """The most that the plan allows of something (`"accounts"`, say); None: as many as one likes."""
    return workspace.plan.entitlements.get("limits", {}).get(name)


HISTORY_DAYS = 90
"""Where the plan does not say."""


def days_kept(workspace: Workspace) -> int:
    """For how many days journal, undo data and remote values are kept (`history_days` of the plan; rule 10.7)."""
    said = limit(workspace, "history_days")
    return HISTORY_DAYS if said is None else max(said, 1)
