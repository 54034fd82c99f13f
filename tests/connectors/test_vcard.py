"""Cards as lines: what is not changed stays byte for byte, and others can read what is written."""

from __future__ import annotations

import time

import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.builtin.carddav.vcard import (
    FOLD_AT,
    Card,
    NotACard,
    clean,
    escape,
    make_line,
    split_value,
    unescape,
)


def card_of(*lines: str, version: str = "3.0", end: str = "\r\n") -> Card:
    return Card.parse(end.join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]))


ODD_LINES = (
    "item1.EMAIL;TYPE=INTERNET;type=pref:ann@example.com",
    "item1.X-ABLabel:_$!<Work>!$_",
    'X-SOCIALPROFILE;type=twitter;x-user="a:b;c,d":http://twitter.com/a',
    "TEL;CELL;VOICE:+49 1",
    'TEL;VALUE=uri;PREF=1;TYPE="voice,home":tel:+1-555-555-5555;ext=5555',
    "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Gr=FC=DFe=\r\n aus K=F6ln",
    "NOTE;QUOTED-PRINTABLE:eins=0D=0A=\r\nzwei=",
    "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD\r\n  /2wBDAAUDBAQEAwUEBAQFBQUGBwwI\r\n\tBwcHBw8L=",
    "GENDER:F;it's complicated",
    "RELATED;TYPE=friend:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    'N;SORT-AS="Harten,Rene":van der Harten;Rene,J.;Sir;R.D.O.N.',
    "MEMBER:mailto:subscriber1@example.com",
    "X_LOTUS;WEIRD:under_score",
    "this is no content line at all",
    "",
    "   ",
    "NOTE:bare \\ backslash\\q and \\\\ and \\: end\\",
    'EMAIL;TYPE="unbalanced:x@example.com',
    "LABEL;TYPE=WORK:Hauptstraße 1\\nKöln",
    "FN;ALTID=1;LANGUAGE=jp:山田太郎",
    "BEGIN:VCARD\r\nFN:A card in a card\r\nEND:VCARD",
    "NOTE:e\u0301 👩‍👩‍👧 \u2028 \x0b \x85 \ufeff",
)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("version", ["2.1", "3.0", "4.0"])
def test_what_was_parsed_is_kept_byte_for_byte(version: str, end: str) -> None:
    text = end.join(["BEGIN:VCARD", f"VERSION:{version}", *ODD_LINES, "END:VCARD", ""])
    assert Card.parse(text).text == text


raw_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None)
@given(
    lines=st.lists(st.one_of(raw_text, st.sampled_from(ODD_LINES)), max_size=12), end=st.sampled_from(["\r\n", "\n"])
)
def test_any_lines_are_kept_byte_for_byte(lines: list[str], end: str) -> None:
    text = end.join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""])
    try:
        card = Card.parse(text)
    except NotACard:
        return
    assert card.text == text
    for name in ("FN", "EMAIL", "TEL"):
        for line in card.lines(name):
            assert line.parts() is not None and line.params is not None


@pytest.mark.parametrize(
    "text", ["", "\n", "hello", "BEGIN:VCARD", "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "END:VCARD\nBEGIN:VCARD\n", "<html>"]
)
def test_what_is_no_card_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotACard):
        Card.parse(text)


def test_a_line_shows_its_parts() -> None:
    card = card_of('item1.TEL;TYPE=CELL,"home";PREF=3;X-A="b:c":+49 1')
    (line,) = card.lines("TEL")
    assert (line.group, line.name, line.text) == ("item1", "TEL", "+49 1")
    assert line.types == {"cell", "home"}
    assert line.rank == 3
    assert line.param("X-A") == "b:c"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Gr=FC=DFe", "Grüße"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE:eins=0D=0A=\r\nzwei", "eins\nzwei"),
        ("NOTE;QUOTED-PRINTABLE;CHARSET=no-such:K=C3=B6ln", "Köln"),
        ("NOTE:fol\r\n ded, in\r\n\t two\\nplaces", "folded, in two\nplaces"),
        ("NOTE:a\\\\nb \\N c\\;d\\:e \\q", "a\\nb \n c;d:e \\q"),
        ("NOTE:nul\x00 and bell\x07", "nul and bell"),
        ("NOTE:   ", None),
        ("NOTE:", None),
    ],
)
def test_a_text_is_read_as_it_was_meant(raw: str, text: str | None) -> None:
    assert card_of(raw).first("NOTE") == text


def test_lines_of_a_card_within_a_card_are_not_its_own() -> None:
    card = card_of("FN:Outer", "BEGIN:VCARD", "FN:Inner", "END:VCARD", "NOTE:x")
    assert [line.text for line in card.lines("FN")] == ["Outer"]
    card.put("FN", "Changed")
    assert "FN:Inner\r\n" in card.text and "FN:Changed\r\n" in card.text and "Outer" not in card.text


def test_a_changed_line_keeps_its_place_group_and_parameters() -> None:
    before = card_of(*ODD_LINES[:6], "TITLE;LANGUAGE=de:Chef", *ODD_LINES[7:10])
    after = before.copy()
    after.put("TITLE", escape("Chefin, neu"))
    assert after.text == before.text.replace("TITLE;LANGUAGE=de:Chef", "TITLE;LANGUAGE=de:Chefin\\, neu")
    assert before.first("TITLE") == "Chef"


def test_a_changed_line_is_no_longer_quoted_printable() -> None:
    card = card_of("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1;X-A=1:Gr=FC=\r\n=DFe", "FN:x")
    card.put("NOTE", escape("Grüße = gut"))
    assert "NOTE;X-A=1:Grüße = gut\r\nFN:x" in card.text


def test_a_removed_line_takes_its_label_along() -> None:
    card = card_of("item1.EMAIL:a@x.y", "item1.X-ABLabel:Work", "item2.TEL:1", "item2.X-ABLabel:Own", "item2.X-OWN:1")
    card.remove(card.lines("EMAIL")[0])
    card.remove(card.lines("TEL")[0])
    assert [line.value for line in card.lines("X-ABLABEL")] == ["Own"]


def test_a_new_line_stands_beside_its_kind_or_at_the_end() -> None:
    card = card_of("EMAIL:a@x.y", "NOTE:n")
    card.add(make_line("EMAIL", "b@x.y"))
    card.add(make_line("TITLE", "t"))
    assert card.text.split("\r\n")[2:6] == ["EMAIL:a@x.y", "EMAIL:b@x.y", "NOTE:n", "TITLE:t"]


def test_a_card_out_of_xml_is_sent_with_both_halves_of_its_line_ends() -> None:
    card = card_of("FN:x", "NOTE:a\n b", end="\n")
    card.put("TITLE", "t")
    assert card.wire == b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\nNOTE:a\r\n b\r\nTITLE:t\r\nEND:VCARD\r\n"


@settings(deadline=None)
@given(st.text())
def test_escaping_is_undone_by_unescaping(text: str) -> None:
    assert unescape(escape(clean(text))) == clean(text)


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1))
def test_structured_values_come_apart_as_they_were_joined(texts: list[str]) -> None:
    texts = [clean(text) for text in texts]
    for separator in ";,":
        assert [unescape(part) for part in split_value(separator.join(map(escape, texts)), separator)] == texts


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_written_line_is_folded_within_characters_of_75_octets_and_reads_back(text: str) -> None:
    text = clean(text)
    line = make_line("NOTE", escape(text))
    assert line.value == escape(text)
    assert line.raw.endswith("\r\n") and "\n" not in line.raw.replace("\r\n", "")
    for piece in line.raw[:-2].split("\r\n"):
        # But for a piece that would be nothing but space, which some servers drop.
        assert len(piece.encode()) <= FOLD_AT or piece[:-1].isspace()
        assert piece.strip(" \t") or not text.strip()


@settings(deadline=None)
@given(st.text(max_size=200).filter(lambda text: clean(text).strip()))
def test_another_reader_understands_what_is_written(text: str) -> None:
    text = clean(text).strip()
    card = Card.new(version="3.0", uid="1", product="-//test//")
    card.put("FN", "x")
    card.put("NOTE", escape(text))
    card.put("ORG", ";".join([escape(text), "R\\, D"]))
    read = vobject.readOne(card.wire.decode())
    assert read.note.value == text
    assert read.org.value == [text, "R, D"]


def test_a_malformed_line_costs_no_more_than_a_good_one() -> None:
    hostile = ["TEL;A=" + "," * 5000 + '"x', "TEL;" + '"' * 5001 + ":1", "TEL" + ";A=" * 5000, "N:" + "\\" * 20001]
    started = time.process_time()
    card = card_of(*hostile)
    for line in card.lines("TEL") + card.lines("N"):
        assert isinstance(line.params, tuple)
        assert line.parts()
    assert time.process_time() - started < 5.0, "backtracking would take minutes"
