import unicodedata

import pytest

from hpopt.terminal import printable, without_styles


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ASCII", "plain ASCII"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("naïve 漢字 × … עברית 👩‍👩‍👧", "naïve 漢字 × … עברית 👩‍👩‍👧"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\x9b31m", "\\u009b31m"),
        ("a\rb\x07\x08\x00\x7f", "a\\u000db\\u0007\\u0008\\u0000\\u007f"),
        ("user\u202egpj.exe\u2066", "user\\u202egpj.exe\\u2066"),
        ("\ud800", "\\ud800"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_only_what_a_terminal_would_obey_is_escaped(text, shown):
    assert printable(text) == shown


def test_no_control_character_and_no_mark_of_direction_gets_through():
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for code in range(0x11000):
        character = chr(code)
        is_unsafe = (
            unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(character) in directions
            or character in "\u200e\u200f\u061c"
        )
        if character not in "\t\n":
            assert (printable(character) != character) >= is_unsafe


def test_what_programs_print_is_shown_as_it_looked():
    assert without_styles("\x1b[1;31mred\x1b[0m and plain") == "red and plain"
    assert without_styles("1/3\r2/3\r3/3\r\ndone\r") == "3/3\ndone"
    assert printable(without_styles("\x1b[31mred\x1b[2J")) == "red\\u001b[2J"
