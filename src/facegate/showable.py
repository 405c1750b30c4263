"""Text that may go onto a receipt, a terminal or into a log."""

from __future__ import annotations

import unicodedata


def is_showable(value: object) -> bool:
    """Whether this is text, not empty, with nothing in it that a terminal or a log would obey."""
    if not isinstance(value, str) or not value:
        return False
    if value.isascii():
        return (
            value.isprintable()
        )  # the same for ASCII, whose only such characters are control characters; 30 times as fast
    # Control, format (direction of text), surrogate, private use; line and paragraph separators.
    return not any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for each in value)
