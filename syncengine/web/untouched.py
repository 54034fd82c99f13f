"""The part of a preview's page that lists what is left alone: left out, put to a person, or not possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from .. import untouched, words
from ..core.mapping import Side
from ..models import Sync, SyncRun
from ..previews import Wanted
from ..showing import ends_of
from ..untouched import Sought

SHOWN = 50


def kinds() -> list[tuple[str, str]]:
    return [("leave_out", _("Left out")), ("ask", _("For a person")), ("fail", _("Not possible"))]


def listed(sync: Sync, run: SyncRun, wanted: Wanted, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the template needs; `asked` is the query of the page."""
    names = {side: end.name for side, end in ends_of(sync).items()}
    sought = Sought(wanted.search, wanted.kind, asked.get("cause", ""), wanted.side, wanted.rule)
    page = untouched.records(run, sought, after=asked.get("after", ""), size=SHOWN)
    causes = [
        (cause, words.cause_words(state, cause, names[Side.A], names[Side.B]).title, count)
        for (state, cause), count in untouched.causes(run).items()
        if untouched.Left("", state, cause, "", "").kind == wanted.kind
    ]
    said = {
        "search": sought.search,
        "kind": sought.kind,
        "side": sought.side,
        "cause": sought.cause,
        "rule": sought.rule,
    }
    return {
        "page": page,
        "rows": [(one, words.cause_words(one.state, one.cause, names[Side.A], names[Side.B])) for one in page.rows],
        "causes": causes,
        "sought": sought,
        "also": urlencode({name: value for name, value in said.items() if value}),
    }
