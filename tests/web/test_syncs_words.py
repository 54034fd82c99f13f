"""Every code that the engine knows has words, and values in wire form are shown as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Field, FieldType, Kind, Option
from syncengine import words
from syncengine.core.mapping import ClearPolicy, Direction, MatchBy, WriteMode
from syncengine.core.merge import Reason
from syncengine.core.scope import Condition
from syncengine.core.states import FailureClass, RecordState
from syncengine.models.sync import Attention
from syncengine.services import Standing
from syncengine.showing import text_of

T = FieldType


@pytest.mark.parametrize(
    ("codes", "table"),
    [
        (Standing, words.STANDINGS),
        (Attention, words.ATTENTIONS),
        (RecordState, words.STATES),
        (FailureClass, words.FAILURES),
        (Condition, words.CONDITIONS),
        (Reason, words.REASONS),
        (Direction, words.DIRECTIONS),
        (Direction, words.ARROWS),
        (ClearPolicy, words.CLEARS),
        (WriteMode, words.MODES),
        (MatchBy, words.MATCHES),
    ],
)
def test_every_code_has_words(codes: Any, table: Any) -> None:
    assert set(table) == set(codes)


def test_every_failure_says_what_to_do() -> None:
    for failure in FailureClass:
        said = words.failure_words(failure.value, "Book 100%", "Sales")
        assert said.title and said.meaning and said.todo
        assert "%(" not in f"{said.title}{said.meaning}{said.todo}"


def test_sentences_name_the_accounts() -> None:
    assert words.failure_words("deleted_in_a", "Book", "Sales").title == "Deleted in Book"
    assert words.reason_text("winner", by="Book", to="Sales") == "The two differed, and Book wins."
    assert words.direction_text(Direction.B_TO_A, "Book", "Sales") == "Sales to Book"


def test_a_code_of_tomorrow_stands_for_itself() -> None:
    assert words.failure_words("new_one").title == "new_one"
    assert words.condition_words("new_one").title == "new_one"
    assert words.reason_text("new_one", by="a", to="b") == "new_one"


@pytest.mark.parametrize("kind", [*Kind, None])
def test_every_kind_says_how_it_is_matched(kind: Kind | None) -> None:
    assert str(words.preset_of(kind))


@pytest.mark.parametrize(
    ("value", "field", "shown"),
    [
        (None, None, ""),
        ("  ", None, ""),
        ("Ann", None, "Ann"),
        (True, Field("x", "X", T.BOOLEAN), "Yes"),
        (0, Field("x", "X", T.INTEGER), "0"),
        ({"amount": "12.50", "currency": "EUR"}, None, "12.50 EUR"),
        ({"amount": "12.50", "currency": None}, None, "12.50"),
        ({"id": "7", "label": "Acme"}, None, "Acme"),
        ({"id": "7", "email": "ann@example.com"}, None, "ann@example.com"),
        ({"id": "7", "label": None}, None, "7"),
        (
            {"street": "1 High St\nFlat 2", "city": "Bath", "region": None, "zip": None, "country": ""},
            None,
            "1 High St Flat 2, Bath",
        ),
        (["a", None, "b"], Field("x", "X", T.MULTI_CHOICE, options=(Option("a", "First"),)), "First, b"),
        ("2026-01-31", Field("x", "X", T.DATE), "Jan. 31, 2026"),
        ("2026-01-31T09:30:00Z", Field("x", "X", T.DATETIME), "Jan. 31, 2026, 9:30 a.m."),
        ("soon", Field("x", "X", T.DATETIME), "soon"),
    ],
)
def test_values_as_people_read_them(value: Any, field: Field | None, shown: str) -> None:
    assert text_of(value, field) == shown
