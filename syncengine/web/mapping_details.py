"""One mapping in all its choices, and values for new records. It works by sending the form; htmx spares loading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from connectors.contract import Field, FieldType, Option, Resource, Value
from tenants.access import actor_of, admin_required, member_required

from .. import editing, services, words
from ..core.compat import CHOICES
from ..core.convert import options_of
from ..core.mapping import Begins, ClearPolicy, FieldMapping, Side, SyncSettings, Transform, Which, WriteMode
from ..core.suggest import SuggestedPair
from ..core.transforms import ARGUMENTS, SHAPES
from ..models import Sync
from ..services import SyncError
from ..showing import End, ends_of, labels_of, text_of
from .common import header, sync_or_404
from .configuration import chosen

T = FieldType
MOST_PAIRS = 500
SEPARATED = ("before", "after")
"""Parts of a text that take a separator."""


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def sync_mapping(request: HttpRequest, pk: int, mapping: str) -> HttpResponse:
    """Transform, pairs of options, winner, clears, values for new records. Saved as the draft."""
    sync = sync_or_404(pk)
    settings = services.current_settings(sync)
    known = next((m for m in settings.mappings if m.id == mapping), None)
    if known is None:
        raise Http404
    if request.method != "POST":
        return _page(request, sync, settings, known)
    if not request.membership.is_admin:
        raise PermissionDenied
    resources = services.resources_of(sync)
    sent = mapping_from(request.POST, known, resources)
    if "do" in request.POST:
        return _page(request, sync, settings, _edited(sent, request.POST["do"], resources))
    changes = {name: getattr(sent, name) for name in CHANGED if getattr(sent, name) != getattr(known, name)}
    try:
        services.save_settings(sync, editing.change_mapping(settings, mapping, **changes), actor=actor_of(request))
    except SyncError as error:
        return _page(request, sync, settings, sent, errors=list(error.errors.values()))
    messages.success(request, _("The mapping is changed in the draft."))
    return redirect("sync_settings", pk=pk)


CHANGED = (
    "transform", "argument", "shaped", "options", "winner", "clears", "mode", "begins", "defaults", "which", "fallback",
)  # fmt: skip
"""What the page may change of a mapping."""


def _page(
    request: HttpRequest, sync: Sync, settings: SyncSettings, mapping: FieldMapping, *, errors: Sequence[str] = ()
) -> HttpResponse:
    resources, ends = services.resources_of(sync), ends_of(sync)
    context = header(sync) | {
        "edited": Edited(mapping, resources, ends),
        "errors": errors,
        "suggestions": suggestions_for(mapping, resources),
        "may_change": request.membership.is_admin and (editing.may_customise() or not mapping.custom),
        "may_customise": editing.may_customise(),
        "transforms": words.transform_choices(),
        "clears": [(c.value, words.CLEARS[c]) for c in ClearPolicy],
        "modes": [(m.value, words.MODES[m]) for m in WriteMode],
        "whiches": [(w.value, words.WHICH[w]) for w in Which],
        "beginnings": [(b.value, words.BEGINS[b]) for b in Begins],
    }
    partial = request.htmx and not request.htmx.boosted
    template = "syncengine/_mapping.html" if partial else "syncengine/mapping.html"
    return render(request, template, context, status=422 if errors else 200)


def suggestions_for(mapping: FieldMapping, resources: dict[Side, Resource] | Any) -> list[SuggestedPair]:
    """Close labels; the same ones are paired without being named."""
    settings = SyncSettings(kind=None, mappings=(mapping,))
    if not Edited(mapping, resources, {}).has_options:
        return []
    return [pair for pair in editing.suggestions(settings, mapping.id, resources) if pair.likeness < 100]


# --- What the form sends ------------------------------------------------------------------------------------


def mapping_from(post: QueryDict, known: FieldMapping, resources: Any) -> FieldMapping:
    """The mapping as it was sent; a choice that the page does not offer leaves it as it is."""
    transform = chosen(Transform, post.get("transform"), known.transform) if "transform" in post else known.transform
    argument = post.get("argument", known.argument) if transform in ARGUMENTS else ""
    if transform in ARGUMENTS and argument.partition(":")[0] not in ARGUMENTS[transform]:
        argument = ARGUMENTS[transform][0]
    if argument.partition(":")[0] in SEPARATED:
        argument = f"{argument.partition(':')[0]}:{post.get('separator', '')}"
    winner = post.get("winner", known.winner or "")
    return replace(
        known,
        transform=transform,
        argument=argument,
        shaped=chosen(Side, post.get("shaped"), known.shaped),
        options=_pairs_from(post) if "pairs" in post else known.options,
        winner=Side(winner) if winner in set(Side) else None,
        clears=chosen(ClearPolicy, post.get("clears"), known.clears),
        mode=chosen(WriteMode, post.get("mode"), known.mode),
        begins=chosen(Begins, post.get("begins"), known.begins),
        which=chosen(Which, post.get("which"), known.which),
        defaults=_defaults_from(post, known, resources),
        fallback=_fallback_from(post, known, resources),
    )


def _pairs_from(post: QueryDict) -> tuple[tuple[str, str], ...]:
    sent = ((post.get(f"pair.{n}.a", "").strip(), post.get(f"pair.{n}.b", "").strip()) for n in range(MOST_PAIRS))
    return tuple(dict.fromkeys((x, y) for x, y in sent if x and y))


def _defaults_from(post: QueryDict, known: FieldMapping, resources: Any) -> dict[Side, Value]:
    found = dict(known.defaults)
    for side in Side:
        field = resources[side].field((known.fields(side) or ("",))[0])
        if f"default_{side.value}" in post and field is not None:
            value = typed(field, post[f"default_{side.value}"])
            found.pop(side, None)
            if value is not None:
                found[side] = value
    return found


def _fallback_from(post: QueryDict, known: FieldMapping, resources: Any) -> dict[Side, str]:
    found = dict(known.fallback)
    for side in Side:
        owner = post.get(f"fallback_{side.value}")
        field = resources[side].field((known.fields(side) or ("",))[0])
        if owner is None or field is None:
            continue
        found.pop(side, None)
        if any(option.value == owner for option in options_of(field)):
            found[side] = owner
    return found


def typed(field: Field, text: str) -> Value:
    """What was typed, in wire form; what does not fit the type stays text, and is refused by the services."""
    text = text.strip()
    if not text:
        return None
    if field.type is T.BOOLEAN:
        return {"true": True, "false": False}.get(text, text)
    if field.type is T.INTEGER:
        return int(text) if text.removeprefix("-").isdecimal() else text
    if field.type is T.MONEY:
        amount, _space, currency = text.partition(" ")
        return {"amount": amount, "currency": currency.upper() or None}
    return [text] if field.type is T.MULTI_CHOICE else text


def _edited(mapping: FieldMapping, do: str, resources: Any) -> FieldMapping:
    """After a click: one suggested pair is taken, or all. Anything else shows the form as it was sent."""
    found = suggestions_for(mapping, resources)
    taken = found if do == "take:all" else [p for p in found if do == f"take:{p.a.value}"]
    return replace(mapping, options=(*mapping.options, *((p.a.value, p.b.value) for p in taken)))


# --- What the page shows ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EditedDefault:
    """The value for new records on one side."""

    side: Side
    end: End
    field: Field
    value: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """One mapping, as its page shows it."""

    mapping: FieldMapping
    resources: Any
    ends: Any

    def _field(self, side: Side) -> Field | None:
        names = self.mapping.fields(side)
        field: Field | None = self.resources[side].field(names[0]) if len(names) == 1 else None
        return field

    @property
    def title(self) -> str:
        labels = [labels_of(self.mapping.fields(side), self.resources[side]) for side in Side]
        return " – ".join(label for label in labels if label)

    @property
    def is_constant(self) -> bool:
        return not self.mapping.a or not self.mapping.b

    @property
    def may_transform(self) -> bool:
        """Two single fields, whose values are text at least on one side."""
        fields = [self._field(side) for side in Side]
        texts = {T.TEXT, T.LONG_TEXT, T.PHONE, T.URL, T.EMAIL}
        return all(fields) and any(f is not None and f.type in texts for f in fields)

    @property
    def has_shape(self) -> bool:
        return self.mapping.transform in SHAPES and self.mapping.transform is not Transform.REPLACE

    @property
    def arguments(self) -> list[tuple[str, words.Text]]:
        return words.arguments_of(self.mapping.transform)

    @property
    def argument(self) -> str:
        return self.mapping.argument.partition(":")[0]

    @property
    def separator(self) -> str | None:
        """None where the argument takes none."""
        return self.mapping.argument.partition(":")[2] if self.argument in SEPARATED else None

    @property
    def has_options(self) -> bool:
        fields = [self._field(side) for side in Side]
        plain = self.mapping.transform is Transform.NONE
        return plain and all(f is not None and f.type in {*CHOICES, T.OWNER} and options_of(f) for f in fields)

    @property
    def fallbacks(self) -> list[tuple[Side, End, str, tuple[Option, ...]]]:
        """(side, end, who is taken, owners) where nobody corresponds (rule 4.1)."""
        found = []
        for side in Side:
            field = self._field(side)
            if field is not None and field.type is T.OWNER:
                found.append((side, self.ends[side], self.mapping.fallback.get(side, ""), options_of(field)))
        return found

    @property
    def has_several(self) -> bool:
        """Both sides hold several references (rule 7.3)."""
        fields = [self._field(side) for side in Side]
        return all(f is not None and f.type is T.REFERENCE and f.multi_valued for f in fields)

    @property
    def replaces(self) -> bool:
        return self.mapping.transform is Transform.REPLACE

    @property
    def options_a(self) -> tuple[Option, ...]:
        field = self._field(Side.A)
        return options_of(field) if field is not None else ()

    @property
    def options_b(self) -> tuple[Option, ...]:
        field = self._field(Side.B)
        return options_of(field) if field is not None else ()

    @property
    def pairs(self) -> list[tuple[int, str, str]]:
        """(number, side A, side B), with two rows to fill in."""
        return [(n, x, y) for n, (x, y) in enumerate((*self.mapping.options, ("", ""), ("", "")))]

    @property
    def defaults(self) -> list[EditedDefault]:
        """Of the sides whose field can take one."""
        found = []
        for side in Side:
            names = self.mapping.fields(side)
            field = self.resources[side].field(names[0]) if names else None
            simple = field is not None and field.type not in (T.ADDRESS, T.REFERENCE, T.OWNER) and not field.read_only
            if field is None or not simple or field.multi_valued:
                continue
            value = self.mapping.defaults.get(side)
            shown = value[0] if isinstance(value, list) and value else value
            as_typed = str(shown).lower() if isinstance(shown, bool) else text_of(shown) if shown is not None else ""
            typed_value = str(shown) if field.options and shown is not None else as_typed
            found.append(EditedDefault(side, self.ends[side], field, typed_value, options_of(field)))
        return found


# --- A value for new records --------------------------------------------------------------------------------


@require_POST
@admin_required
def sync_constant_new(request: HttpRequest, pk: int) -> HttpResponse:
    """A fixed value for a field of one side, written when a record is created there (rule 4.4)."""
    sync = sync_or_404(pk)
    raw, _colon, name = request.POST.get("to", "").partition(":")
    side = Side(raw) if raw in set(Side) else Side.B
    field = services.resources_of(sync)[side].field(name)
    try:
        if field is None:
            raise SyncError(_("Choose a field."))
        value = typed(field, request.POST.get("value", ""))
        ends = {"a": (name,) if side is Side.A else (), "b": (name,) if side is Side.B else ()}
        settings = editing.add_mapping(
            services.current_settings(sync), **ends, defaults={} if value is None else {side: value}
        )
        services.save_settings(sync, settings, actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
        return redirect("sync_mapping_new", pk=pk)
    messages.success(request, _("The mapping is added to the draft."))
    return redirect("sync_settings", pk=pk)
