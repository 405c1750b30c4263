"""A constant rate factor in facegate's words; for scripts that have this folder alone, too."""

# x264's range, ends included.
_WORST = 51


def quality_of(crf: int) -> int:
    """What to ask facegate for to get x264's `crf`: hundredths of its range, counted backwards."""
    return round(100 * (1 - crf / _WORST))
