"""What forbids a filter for a resource, and a condition in words."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract import Field, FieldType, Resource

from .filters import ALONE, OPERATORS, FieldCondition, Filter, Operator
from .values import Locale, decimal_of, moment_of

T = FieldType


def faults(filter_: Filter, resource: Resource) -> list[str]:
    """Everything that keeps this filter from being chosen for this resource, in sentences."""
    return [fault for condition in filter_.conditions if (fault := fault_of(condition, resource))]


def fault_of(condition: FieldCondition, resource: Resource) -> str:
    """Blank where the condition can be chosen."""
    return obstacle_of(condition, resource) or _missing_option(condition, resource)


def obstacle_of(condition: FieldCondition, resource: Resource) -> str:
    """Blank where the condition can be judged. That an option is gone does not hinder: records hold its value, or
    another one."""
    field = resource.field(condition.field)
    if field is None:
        return f"{resource.label} has no field “{condition.field}”."
    if condition.operator not in OPERATORS[field.type]:
        return f"“{field.label}” cannot be asked whether it {PHRASES[condition.operator]}."
    if condition.operator in ALONE:
        return ""
    if not any(value.strip() for value in condition.values):
        return f"Say what “{field.label}” is compared with."
    return next((fault for value in condition.values if (fault := _misfit(condition.operator, field, value))), "")


def _misfit(operator: Operator, field: Field, value: str) -> str:
    if operator is Operator.IN_LAST_DAYS:
        whole = value.strip().isdecimal() and 0 < int(value) <= LONGEST_PERIOD
        return "" if whole else f"“{value}” is no number of days."
    if field.type in (T.INTEGER, T.NUMBER, T.MONEY):
        return "" if decimal_of(value) is not None else f"“{value}” is no number."
    if field.type in (T.DATE, T.DATETIME):
        return "" if moment_of(value, Locale()) is not None else f"“{value}” is no date."
    return ""


def _missing_option(condition: FieldCondition, resource: Resource) -> str:
    field = resource.field(condition.field)
    if field is None or field.type not in (T.CHOICE, T.MULTI_CHOICE) or not field.options:
        return ""
    known = {option.value for option in field.options}
    gone = [] if condition.operator in ALONE else [value for value in condition.values if value not in known]
    return f"“{field.label}” has no option “{gone[0]}”." if gone else ""


LONGEST_PERIOD = 36_500
"""Days."""

PHRASES: Mapping[Operator, str] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.ONE_OF: "is one of",
    Operator.CONTAINS: "contains",
    Operator.CONTAINS_NOT: "does not contain",
    Operator.STARTS_WITH: "starts with",
    Operator.GREATER: "is greater than",
    Operator.LESS: "is less than",
    Operator.BEFORE: "is before",
    Operator.AFTER: "is after",
    Operator.IN_LAST_DAYS: "is within the last days",
    Operator.TRUE: "is true",
    Operator.FALSE: "is false",
    Operator.BLANK: "is blank",
    Operator.NOT_BLANK: "is not blank",
}


def phrase(condition: FieldCondition, field: Field | None) -> str:
    """The condition in words: ``“Stage” is one of “Won”, “Lost”``."""
    label = field.label if field is not None else condition.field
    if condition.operator is Operator.IN_LAST_DAYS:
        return f"“{label}” is within the last {condition.values[0]} days"
    if condition.operator in ALONE:
        return f"“{label}” {PHRASES[condition.operator]}"
    named = {option.value: option.label for option in field.options} if field is not None else {}
    values = ", ".join(f"“{named.get(value, value)}”" for value in condition.values)
    return f"“{label}” {PHRASES[condition.operator]} {values}"
