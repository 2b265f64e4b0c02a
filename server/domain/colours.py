"""
Owns which of black and white can be read on a colour.

Leaves colours themselves to the businesses.
"""


def ink_on(colour: str) -> str:
    """
    Black or white, whichever has more contrast with *colour* (WCAG 2.2, relative luminance): never less than 4.5 to 1.

    Args:
        colour: `#rrggbb`, in sRGB.
    """
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"


def _linear(part: float) -> float:
    return float(((part + 0.055) / 1.055) ** 2.4) if part > 0.04045 else part / 12.92
