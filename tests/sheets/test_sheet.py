"""Sheets as text of a width, as plain lines, and as HTML."""

from html.parser import HTMLParser

import pytest

from hpopt.sheets import Choice, Fields, Line, Passage, Sheet, Stack, Table, fields
from hpopt.sheets.text import as_text

HOSTILE = "<script>alert('x')</script>\x1b[31m\u202e\"&"
WIDE = Table(("name", "n"), (("a" * 30, "1"), ("b", "22")), right=(False, True))
NARROW = Table((), (("a", "1"), ("b", "22")))


class Tags(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_choice_is_the_first_that_fits_and_else_the_last():
    sheet = Sheet((Choice((WIDE, NARROW), plain=NARROW, html=WIDE),))
    assert as_text(sheet, 34).splitlines()[0] == "name" + " " * 29 + "n"
    assert as_text(sheet, 33) == "a  1\nb  22"
    assert as_text(sheet.plain(), 1000) == "a  1\nb  22"
    assert "<th" in sheet._repr_html_()


def test_plain_forms_are_found_within_other_parts():
    choice = Choice((WIDE,), plain=Line("plain"), html=WIDE)
    sheet = Sheet((Stack((choice, Line("below"))), Fields((("inside", choice),))))
    assert as_text(sheet.plain(), 100) == "plain\nbelow\n\ninside  plain"


def test_str_fits_the_terminal(monkeypatch):
    sheet = Sheet((Line("many words " * 20),))
    for columns in (40, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = str(sheet).splitlines()
        assert columns - 5 <= max(map(len, lines)) <= columns
        assert {word for line in lines for word in line.split()} == {"many", "words"}
    assert repr(sheet) == str(sheet)


@pytest.mark.parametrize(
    "part",
    [
        Line(HOSTILE),
        Line(HOSTILE, is_title=True),
        Passage(HOSTILE, HOSTILE),
        Table((HOSTILE,), ((HOSTILE,),)),
        Fields(((HOSTILE, HOSTILE), ("nested", Table((), ((HOSTILE,),))))),
    ],
)
def test_html_is_closed_and_shows_hostile_text_as_it_is(part):
    html = Sheet((part,))._repr_html_()
    page = Tags(html)
    assert page.open == []
    assert "script" not in page.tags
    assert "<script>alert('x')</script>" in page.text
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_an_indent_is_kept_in_html():
    assert "&nbsp;&nbsp;units" in Sheet((Table((), (("  units", "8"),)),))._repr_html_()


def test_fields_are_not_without_end():
    rows = fields((str(n), "x") for n in range(5000)).rows
    assert len(rows) == 1001
    assert rows[-1] == ("…", "and 4000 more")


def test_long_text_is_cut():
    sheet = Sheet((Line("x" * 1_000_000),))
    assert len(sheet._repr_html_()) < 30_000
    assert len(as_text(sheet, 100)) < 30_000
