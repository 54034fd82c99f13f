"""What every page knows."""

from typing import Any

from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """`workspace` and `membership` of the page (None on public pages), and `theme` (light, dark or blank)."""
    theme = request.COOKIES.get("theme", "")
    return {
        "workspace": getattr(request, "workspace", None),
        "membership": getattr(request, "membership", None),
        "theme": theme if theme in ("light", "dark") else "",
    }
