"""A sync's settings in sentences, and how two versions of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connectors.contract import Resource, WriteKind

from .. import queries, words
from ..core.filters import ALONE, FieldCondition, Filter, Operator
from ..core.mapping import Direction, FieldMapping, History, MatchBy, Side, SyncSettings
from ..core.match import PERSONS, never_matches
from ..models import Sync
from ..showing import End, label_of, labels_of, text_of


@dataclass(frozen=True, slots=True)
class Sentence:
    icon: str
    title: str
    text: str


def sentences(
    settings: SyncSettings, ends: Mapping[Side, End], resources: Mapping[Side, Resource]
) -> tuple[Sentence, ...]:
    """What the sync will do, in the order in which one wants to know it."""
    names = {side: ends[side].name for side in Side}
    found = [_direction(settings, ends), _conflict(settings, names), _matching(settings, resources)]
    if settings.kind in PERSONS:
        found.append(_email(settings))
    found += [Sentence("funnel", _("Filter"), text) for text in filter_sentences(settings, names, resources)]
    if settings.history is not History.ALL:
        text = _("Records that are there already stay out until somebody changes them. They are still matched.")
        found.append(Sentence("history", str(words.HISTORIES[settings.history]), text))
    return (*found, Sentence("shield-check", _("Deletions"), " ".join(_deletions(settings, names))))


def _deletions(settings: SyncSettings, names: Mapping[Side, str]) -> list[str]:
    texts = {
        WriteKind.ARCHIVE: _("What is deleted in “%(there)s” is archived in “%(here)s”."),
        WriteKind.DELETE: _("What is deleted in “%(there)s” is deleted in “%(here)s” too."),
    }
    found = [
        texts[kind] % {"there": names[side.other], "here": names[side]} for side, kind in settings.deletions.items()
    ]
    if not found:
        return [
            _("Nothing is ever deleted. A record that is deleted on one side is listed, and left alone on the other.")
        ]
    return [*found, _("An edit of the other side stops it, and so does an unusual number.")]


def creations(sync: Sync, settings: SyncSettings, ends: Mapping[Side, End]) -> tuple[str, ...]:
    """How many records will be made on each side where nothing is matched by itself (rule 5.5)."""
    if not never_matches(settings.kind, settings.matching):
        return ()
    free = queries.records_without_link(sync)
    if 0 in free.values():
        return ()  # Not both sides have some: each record is copied, as ever.
    found = []
    for side in Side:
        if not settings.direction.allows(side):
            continue
        names = {"here": ends[side].name, "there": ends[side.other].name}
        number = free[side.other]
        if number is None:
            text = _(
                "Every record of “%(there)s” will be created in “%(here)s”. How many that is shows once it was read."
            )
        else:
            text = ngettext(
                "%(number)s record of “%(there)s” will be created in “%(here)s”.",
                "%(number)s records of “%(there)s” will be created in “%(here)s”.",
                number,
            )
        found.append(text % (names | {"number": number}))
    return tuple(found)


def filter_sentences(
    settings: SyncSettings, names: Mapping[Side, str], resources: Mapping[Side, Resource]
) -> list[str]:
    """What has to be met, a sentence for each side that has a filter."""
    found = []
    for side in Side:
        filter_: Filter = getattr(settings.filters, side.value)
        groups = [
            f" {words.JOINS[group.joined]} ".join(_condition(c, resources[side]) for c in group.conditions)
            for group in filter_.groups
            if group.conditions
        ]
        if groups:
            shown = groups if len(groups) == 1 else [f"({group})" for group in groups]
            conditions = f" {words.JOINS[filter_.joined]} ".join(shown)
            text = _("From “%(name)s” only records where %(conditions)s.")
            found.append(text % {"name": names[side], "conditions": conditions})
    return found


def _condition(condition: FieldCondition, resource: Resource) -> str:
    """ "“Stage” is one of “Won”, “Lost”"."""
    field = resource.field(condition.field)
    label = field.label if field is not None else condition.field
    if condition.operator is Operator.IN_LAST_DAYS:
        return _("“%(field)s” is within the last %(days)s days") % {"field": label, "days": condition.values[0]}
    if condition.operator in ALONE:
        return f"“{label}” {words.OPERATORS[condition.operator]}"
    values = ", ".join(f"“{text_of(value, field)}”" for value in condition.values)
    return f"“{label}” {words.OPERATORS[condition.operator]} {values}"


def _direction(settings: SyncSettings, ends: Mapping[Side, End]) -> Sentence:
    a, b = ends[Side.A], ends[Side.B]
    both = {
        "object_a": a.object.label,
        "a": a.name,
        "object_b": b.object.label,
        "b": b.name,
    }
    text = {
        Direction.TWO_WAY: _(
            "%(object_a)s of “%(a)s” and %(object_b)s of “%(b)s” are kept the same: a change on either side goes to "
            "the other."
        ),
        Direction.A_TO_B: _(
            "%(object_a)s of “%(a)s” go to %(object_b)s of “%(b)s”. Nothing is ever written to “%(a)s”."
        ),
        Direction.B_TO_A: _(
            "%(object_b)s of “%(b)s” go to %(object_a)s of “%(a)s”. Nothing is ever written to “%(b)s”."
        ),
    }[settings.direction]
    title = words.direction_text(settings.direction, a.name, b.name)
    return Sentence(words.ARROWS[settings.direction], title, text % both)


def _conflict(settings: SyncSettings, names: Mapping[Side, str]) -> Sentence:
    if settings.direction is not Direction.TWO_WAY:
        sender = Side.A if settings.direction is Direction.A_TO_B else Side.B
        text = _("Where the two differ at first, “%(name)s” is right: it is the side that sends.")
        return Sentence("trophy", _("When both differ"), text % {"name": names[sender]})
    text = _(
        "Where both sides have changed the same field, or differ at first, the value of “%(winner)s” is kept. If it is "
        "blank there, the value of “%(other)s” is."
    )
    filled = text % {"winner": names[settings.winner], "other": names[settings.winner.other]}
    return Sentence("trophy", _("When both differ"), filled)


def _matching(settings: SyncSettings, resources: Mapping[Side, Resource]) -> Sentence:
    matching = settings.matching
    if matching.by is MatchBy.FIELD:
        text = _("Two records are the same where “%(a)s” and “%(b)s” are equal.") % {
            "a": label_of(matching.field_a, resources[Side.A]),
            "b": label_of(matching.field_b, resources[Side.B]),
        }
    elif matching.by is MatchBy.DEFAULT:
        text = str(words.preset_of(settings.kind))
    else:
        text = str(words.MATCHES[matching.by])
    return Sentence("link", _("Which records are the same"), text)


def _email(settings: SyncSettings) -> Sentence:
    if settings.email_only:
        text = _("Persons without a valid e-mail address stay out, and are listed with that reason.")
    else:
        text = _("Persons without an e-mail address are synced too.")
    return Sentence("at-sign", _("Who takes part"), text)


def changes_between(
    old: SyncSettings, new: SyncSettings, names: Mapping[Side, str], resources: Mapping[Side, Resource]
) -> tuple[str, ...]:
    """What would be otherwise with `new`, a line each."""
    found = []
    if old.direction is not new.direction:
        said = [words.direction_text(s.direction, names[Side.A], names[Side.B]) for s in (old, new)]
        found.append(_("Direction: %(before)s → %(after)s") % {"before": said[0], "after": said[1]})
    if old.winner is not new.winner:
        found.append(_("Winner: %(before)s → %(after)s") % {"before": names[old.winner], "after": names[new.winner]})
    if old.matching != new.matching:
        found.append(_("Matching: %(after)s") % {"after": words.MATCHES[new.matching.by]})
    if old.email_only != new.email_only:
        found.append(
            _("Persons without an e-mail address stay out")
            if new.email_only
            else _("Persons without an e-mail address are synced too")
        )
    if old.filters != new.filters:
        now = filter_sentences(new, names, resources) or [_("No filter any more: everything passes.")]
        found += [_("Filter: %(after)s") % {"after": text} for text in now]
    if old.history is not new.history:
        found.append(_("Takes part: %(after)s") % {"after": words.HISTORIES[new.history]})
    if old.brake != new.brake:
        found.append(
            _(
                "Asked for first: more than %(changes)s records or %(changes_percent)s %% changed, %(clears)s values "
                "or %(clears_percent)s %% cleared"
            )
            % asdict(new.brake)
        )
    if old.deletions != new.deletions:
        found.append(_("Deletions: %(after)s") % {"after": " ".join(_deletions(new, names))})
    if old.pass_on != new.pass_on:
        found.append(
            _("Records that came from another account of the app are passed on")
            if new.pass_on
            else _("Records that came from another account of the app are not passed on")
        )
    return (*found, *_mapping_changes(old, new, resources))


def _mapping_changes(old: SyncSettings, new: SyncSettings, resources: Mapping[Side, Resource]) -> list[str]:
    before = {m.id: m for m in old.mappings}
    after = {m.id: m for m in new.mappings}
    found = [_("Mapping added: %(name)s") % {"name": _name(m, resources)} for m in new.mappings if m.id not in before]
    found += [_("Mapping removed: %(name)s") % {"name": _name(m, resources)} for m in old.mappings if m.id not in after]
    for mapping_id, now in after.items():
        then = before.get(mapping_id)
        if then is None or then == now:
            continue
        name = {"name": _name(now, resources)}
        if then.enabled != now.enabled:
            found.append((_("Mapping on: %(name)s") if now.enabled else _("Mapping off: %(name)s")) % name)
        if replace(then, enabled=now.enabled) != now:
            found.append(_("Mapping changed: %(name)s") % name)
    return found


def _name(mapping: FieldMapping, resources: Mapping[Side, Resource]) -> str:
    return f"{labels_of(mapping.a, resources[Side.A])} – {labels_of(mapping.b, resources[Side.B])}"
