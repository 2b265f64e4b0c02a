"""
Owns how many messages a text is to those who carry and bill it (3GPP TS 23.038, 23.040).

Leaves making texts short to whoever writes them.
"""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Behind an escape: two septets each."""

_SEPTETS, _SEPTETS_OF_MANY = 160, 153
_UNITS, _UNITS_OF_MANY = 70, 67
"""UTF-16 units; with a header in each part where there are several."""


def segments(text: str) -> int:
    """How many parts *text* is sent in; at least one."""
    if all(letter in _GSM or letter in _EXTENDED for letter in text):
        return _parts(sum(1 + (letter in _EXTENDED) for letter in text), _SEPTETS, _SEPTETS_OF_MANY)
    return _parts(len(text.encode("utf-16-le", "surrogatepass")) // 2, _UNITS, _UNITS_OF_MANY)


def _parts(length: int, alone: int, of_many: int) -> int:
    return 1 if length <= alone else -(-length // of_many)
