"""Making workspaces, and closing them for a while."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django_tenants.utils import schema_exists

from .context import public_context
from .models import SLUG_LENGTH, Membership, Plan, Role, Workspace
from .plans import DEFAULT
from .schemas import latest

SCHEMA_PREFIX = "w_"

# fmt: off
RESERVED = frozenset({
    "account", "accounts", "admin", "api", "app", "apps", "assets", "auth", "billing", "blog", "demo",
    "docs", "help", "login", "logout", "mail", "media", "new", "public", "root", "settings", "signup",
    "staff", "static", "status", "support", "sync", "syncsite", "system", "test", "w", "workspace",
    "workspaces", "www",
})
# fmt: on
"""Addresses that could be taken for a part of the site."""


class SlugTaken(ValueError):
    """The address is reserved, or another workspace has it. The message is for people."""


def create_workspace(
    *,
    name: str,
    owner: Any | None,
    slug: str | None = None,
    plan: Plan | None = None,
    time_zone: str = "UTC",
    country: str = "",
) -> Workspace:
    """A new workspace with a schema of its own (about a second), and its first owner, if any.

    The address is made from the name unless given. Raises SlugTaken, ValidationError.
    """
    with public_context(), transaction.atomic():
        if slug is not None:
            check_slug(slug)
        slug = slug or free_slug(name)
        workspace = Workspace(
            slug=slug,
            schema_name=schema_of(slug),
            name=name,
            plan=plan or Plan.objects.get(name=DEFAULT),
            time_zone=time_zone,
            country=country,
            schema_version=latest(),
        )
        workspace.full_clean()
        workspace.save(verbosity=0)
        if owner is not None:
            Membership.objects.create(user=owner, workspace=workspace, role=Role.OWNER)
    return workspace


def check_slug(slug: str) -> None:
    """Raises SlugTaken for an address that is reserved or in use."""
    if slug in RESERVED:
        raise SlugTaken(_("The address “%(slug)s” is reserved.") % {"slug": slug})
    if _is_used(slug):
        raise SlugTaken(_("The address “%(slug)s” is taken.") % {"slug": slug})


def free_slug(name: str) -> str:
    """An address made from a name, free and not reserved: "Müller & Co" → "muller-co", or "muller-co-2"."""
    # Room for a number at the end.
    base = slugify(name.replace("_", " "))[: SLUG_LENGTH - 6].strip("-") or "workspace"
    candidate, number = base, 1
    while candidate in RESERVED or _is_used(candidate):
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def schema_of(slug: str) -> str:
    """Name of the schema that a new workspace of this address gets."""
    return SCHEMA_PREFIX + slug.replace("-", "_")


def _is_used(slug: str) -> bool:
    # A schema that somebody left behind would be taken over, with all that is in it.
    return Workspace.objects.filter(slug=slug).exists() or schema_exists(schema_of(slug))


def suspend(workspace: Workspace) -> None:
    """Nothing of it runs and nobody may look at it, until `resume`. Its data stay."""
    if not workspace.is_suspended:
        workspace.suspended_at = timezone.now()
        Workspace.objects.filter(pk=workspace.pk).update(suspended_at=workspace.suspended_at)


def resume(workspace: Workspace) -> None:
    workspace.suspended_at = None
    Workspace.objects.filter(pk=workspace.pk).update(suspended_at=None)
