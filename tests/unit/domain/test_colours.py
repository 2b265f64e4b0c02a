"""Proves that what is written on a business's own colour can be read."""

from hypothesis import given
from hypothesis import strategies as st

from server.domain.colours import ink_on


def luminance(colour: str) -> float:
    """WCAG 2.2 has it so."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@given(st.integers(0, 0xFFFFFF))
def test_every_colour_gets_an_ink_with_enough_contrast(number: int) -> None:
    colour = f"#{number:06x}"

    light, dark = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)

    assert (light + 0.05) / (dark + 0.05) >= 4.5
