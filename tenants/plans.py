"""The plans that a new site starts with. Afterwards they are rows, for staff to change."""

from typing import Any

DEFAULT = "free"

PLANS: tuple[dict[str, Any], ...] = (
    {
        "name": DEFAULT,
        "label": "Free",
        "entitlements": {
            "features": ["default_mappings", "two_way", "several_accounts"],
            "limits": {"history_days": 90},
        },
    },
    {
        "name": "pro",
        "label": "Pro",
        "entitlements": {
            "features": ["default_mappings", "two_way", "several_accounts", "custom_mappings"],
            "limits": {"history_days": 90},
        },
    },
)
"""`features`: what a plan opens, by name. `limits`: the most of something, by name; what is not named is free."""


def ensure_plans(plan_model: Any) -> None:
    """Make the plans that are missing; leave those that are there as staff have shaped them."""
    for plan in PLANS:
        plan_model.objects.get_or_create(name=plan["name"], defaults={k: v for k, v in plan.items() if k != "name"})
