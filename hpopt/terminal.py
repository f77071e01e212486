"""Make text that others wrote harmless on a terminal.

Control characters can move the cursor, change the title or the colours, and marks of writing
direction can show text in another order than it has. https://www.unicode.org/reports/tr36/
"""

from __future__ import annotations

import re

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks
    "\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff]"  # other ends of lines, lone surrogates
)
STYLES = re.compile(r"(?:\x1b\[|\x9b)[0-9;:]*m")


def printable(text: str) -> str:
    r"""Return text with control characters and bidirectional marks written as ``\u001b``.

    Tabs and newlines stay, and so does all that is legible in any script.
    """
    return text if text.isascii() and text.isprintable() else UNSAFE.sub(_escaped, text)


def without_styles(text: str) -> str:
    """Return what programs printed as it looks: without colours and overwritten lines."""
    lines = STYLES.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"
