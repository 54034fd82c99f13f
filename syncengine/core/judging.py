"""A filter made ready to look at records (rules 6.2, 6.3 and 6.5).

Time is an argument: *in the last N days* is judged at the time given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.contract import Field, FieldType, Resource, Value, Values

from .filter_faults import obstacle_of, phrase
from .filters import FieldCondition, Filter, Joined, Operator
from .values import Locale, blank, date_of, decimal_of, key_of, moment_of, spaced, text_of

T = FieldType


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a record passes a filter."""

    passes: bool
    why: str = ""
    """The conditions that it does not meet, with the values that it holds instead (rule 6.5)."""
    until: datetime | None = None
    """When time alone may change the verdict; None: never."""


PASSED = Verdict(True)

_Test = Callable[[Sequence[Value], datetime], bool]


class Judge:
    """A filter made ready for the records of one resource."""

    def __init__(self, filter_: Filter, resource: Resource, locale: Locale) -> None:
        self._joined = filter_.joined
        self._groups = [
            (group.joined, [_Check(condition, resource, locale) for condition in group.conditions])
            for group in filter_.groups
            if group.conditions
        ]
        self._timed = [check for _, checks in self._groups for check in checks if check.days]

    @property
    def passes_all(self) -> bool:
        return not self._groups

    def judge(self, values: Values, now: datetime) -> Verdict:
        """Whether a record with these values passes at this time."""
        if not self._groups:
            return PASSED
        failed = [(joined, [c for c in checks if not c.holds(values, now)], checks) for joined, checks in self._groups]
        lost = [(joined, bad) for joined, bad, checks in failed if _fails(joined, len(bad), len(checks))]
        until = min((at for check in self._timed for at in check.turns(values, now)), default=None)
        if not _fails(self._joined, len(lost), len(failed)):
            return Verdict(True, until=until)
        parts = [_between(joined, [c.complaint(values) for c in bad]) for joined, bad in lost]
        return Verdict(False, f"It would have to be that {_between(self._joined, parts)}.", until)


def _fails(joined: Joined, bad: int, of: int) -> bool:
    return bad > 0 if joined is Joined.ALL else bad == of


def _between(joined: Joined, parts: Sequence[str]) -> str:
    return (" and " if joined is Joined.ALL else " or ").join(parts)


class _Check:
    """One condition made ready. One that cannot be judged (its field is gone) is not met."""

    def __init__(self, condition: FieldCondition, resource: Resource, locale: Locale) -> None:
        self.condition, self.locale = condition, locale
        self.field = resource.field(condition.field)
        self.fault = obstacle_of(condition, resource)
        timed = condition.operator is Operator.IN_LAST_DAYS and not self.fault
        self.days = int(condition.values[0]) if timed else 0
        self._test: _Test | None = None if self.field is None or self.fault else self._made(self.field)

    def holds(self, values: Values, now: datetime) -> bool:
        """False for a field that was not read: unread is never blank."""
        if self._test is None or self.condition.field not in values:
            return False
        return self._test(elements(values[self.condition.field]), now)

    def turns(self, values: Values, now: datetime) -> Iterable[datetime]:
        """When an element comes into the period, or falls out of it, from now on."""
        for element in elements(values.get(self.condition.field)):
            moment = moment_of(element, self.locale)
            if moment is not None:
                yield from (at for at in (moment, _later(moment, self.days)) if at is not None and at > now)

    def complaint(self, values: Values) -> str:
        if self.fault:
            return self.fault.rstrip(".")
        return f"{phrase(self.condition, self.field)} ({self._held(values)})"

    def _held(self, values: Values) -> str:
        if self.condition.field not in values:
            return "it was not read"
        named = {option.value: option.label for option in self.field.options} if self.field is not None else {}
        shown = [_shown(element, named) for element in elements(values[self.condition.field])]
        return "it is " + (", ".join(f"“{text}”" for text in shown) or "blank")

    def _made(self, field: Field) -> _Test:
        operator = self.condition.operator
        if operator is Operator.BLANK:
            return lambda held, _now: not held
        if operator is Operator.NOT_BLANK:
            return lambda held, _now: bool(held)
        if operator is Operator.IN_LAST_DAYS:
            return lambda held, now: any(self._recent(element, now) for element in held)
        matches = self._matcher(field)
        if operator in (Operator.IS_NOT, Operator.CONTAINS_NOT):
            return lambda held, _now: not any(matches(element) for element in held)
        return lambda held, _now: any(matches(element) for element in held)

    def _recent(self, element: Value, now: datetime) -> bool:
        moment = moment_of(element, self.locale)
        return moment is not None and now - timedelta(days=self.days) < moment <= now

    def _matcher(self, field: Field) -> Callable[[Value], bool]:
        operator, wanted = self.condition.operator, self.condition.values
        if operator is Operator.TRUE:
            return lambda element: element is True
        if operator is Operator.FALSE:
            return lambda element: element is False
        if operator in (Operator.CONTAINS, Operator.CONTAINS_NOT):
            return lambda element: _folded(wanted[0]) in _folded(_shown(element, {}))
        if operator is Operator.STARTS_WITH:
            return lambda element: _folded(_shown(element, {})).startswith(_folded(wanted[0]))
        if field.type in (T.DATE, T.DATETIME):
            return _comparing_times(operator, wanted[0], self.locale)
        if field.type in (T.INTEGER, T.NUMBER, T.MONEY):
            return _comparing_numbers(operator, wanted[0])
        if field.type in (T.REFERENCE, T.OWNER):
            known = {_folded(value) for value in wanted}
            return lambda element: any(_folded(name) in known for name in _names_of(element))
        type_ = T.CHOICE if field.type is T.MULTI_CHOICE else field.type
        keys = {_key(value, type_, self.locale) for value in wanted}
        return lambda element: _key(element, type_, self.locale) in keys


def elements(value: Value) -> list[Value]:
    """What a field holds, without blanks: one value, or those of a list."""
    return [v for v in (value if isinstance(value, list) else [value]) if not blank(v)]


def _comparing_numbers(operator: Operator, wanted: str) -> Callable[[Value], bool]:
    bound = decimal_of(wanted)
    assert bound is not None

    def compares(element: Value) -> bool:
        number = decimal_of(element.get("amount") if isinstance(element, dict) else element)
        if number is None:
            return False
        if operator is Operator.GREATER:
            return number > bound
        return number < bound if operator is Operator.LESS else number == bound

    return compares


def _comparing_times(operator: Operator, wanted: str, locale: Locale) -> Callable[[Value], bool]:
    """Against a day, days are compared, as the workspace's clock shows them; against a moment, moments."""
    day = date_of(wanted)

    def compares(element: Value) -> bool:
        moment, bound = moment_of(element, locale), moment_of(wanted, locale)
        if moment is None or bound is None:
            return False
        x: date = moment if day is None else _day(moment, locale)
        y: date = bound if day is None else day
        if operator is Operator.BEFORE:
            return x < y
        return x > y if operator is Operator.AFTER else x == y

    return compares


def _day(moment: datetime, locale: Locale) -> date:
    try:
        return moment.astimezone(ZoneInfo(locale.zone)).date()
    except OverflowError:  # The first and the last day of the calendar, which apps use for "never".
        return moment.date()


def _later(moment: datetime, days: int) -> datetime | None:
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return None


def _names_of(element: Value) -> list[str]:
    """What a reference or an owner may be called by: id, label, e-mail address."""
    if not isinstance(element, dict):
        return [str(element)]
    return [str(element[name]) for name in ("id", "label", "email") if not blank(element.get(name))]


def _shown(element: Value, named: Mapping[str, str]) -> str:
    if isinstance(element, bool):
        return "yes" if element else "no"
    if not isinstance(element, dict):
        return named.get(str(element), text_of(element))
    if "amount" in element:
        return spaced(f"{element['amount']} {element.get('currency') or ''}")
    if "id" in element:
        return text_of(element.get("label") or element.get("email") or element["id"])
    return ", ".join(text_of(part) for part in element.values() if not blank(part))


def _folded(text: str) -> str:
    return spaced(text_of(text)).casefold()


def _key(value: Value, type_: FieldType, locale: Locale) -> str:
    """Without regard to upper and lower case, except for options, whose values are the app's own."""
    if type_ in (T.TEXT, T.LONG_TEXT):
        return _folded(str(value))
    key = key_of(value, type_, locale) or ""
    return key if type_ is T.CHOICE else key.casefold()
