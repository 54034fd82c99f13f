"""What it takes to tell a person something."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

Text = Promise | str


@dataclass(frozen=True, slots=True)
class Words:
    """Something that has a state, a cause or a rule, as a person is told it."""

    title: Text
    meaning: Text = ""
    todo: Text = ""
    """What a person can do about it; blank where there is nothing to do."""


def named(words: Words, a: str, b: str) -> Words:
    """With the names of the two accounts where a sentence speaks of them."""
    names = {"a": a, "b": b}
    return Words(*(str(text) % names if "%(" in str(text) else str(text) for text in _parts(words)))


def _parts(words: Words) -> tuple[Text, Text, Text]:
    return words.title, words.meaning, words.todo
