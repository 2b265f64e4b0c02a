"""
Owns telling an accident from a wish: when so much is gone at once that somebody has to be asked.

Leaves asking to the caller.
"""

FEW = 5
SHARE = 0.2


def is_mass_deletion(written: int, removed: int) -> bool:
    """Whether *removed* of *written* events of ours are more than anybody removes on purpose."""
    return removed > max(FEW, SHARE * written)


def is_emptied(before: int, left: int) -> bool:
    """
    Whether a calendar that held something holds nothing any more.

    One event that is removed empties a calendar, too, and means just that.
    """
    return before > 1 and left == 0
