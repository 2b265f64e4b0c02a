"""
Owns a document that is compressed while it is made: ten thousand events take the memory of one page.

Leaves what is in it to whoever adds to it.
"""

import zlib
from collections.abc import Iterator

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 3
_PIECE = 65_536


class Packed:
    """A document as gzip. It is made whole before it is sent: what fails on the way is an error, never half of it."""

    def __init__(self) -> None:
        self._squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._pieces: list[bytes] = []
        self.length = 0
        """Octets of the document itself."""

    def add(self, part: bytes) -> None:
        """Appends *part*."""
        self.length += len(part)
        if smaller := self._squeeze.compress(part):
            self._pieces.append(smaller)

    def end(self) -> "Packed":
        """Nothing more is added; the document itself, for the caller to return."""
        self._pieces.append(self._squeeze.flush())
        return self

    @property
    def zipped_length(self) -> int:
        """Octets of `zipped`."""
        return sum(map(len, self._pieces))

    def zipped(self) -> Iterator[bytes]:
        """The document as one gzip member; equal documents give equal octets."""
        yield from self._pieces

    def plain(self) -> Iterator[bytes]:
        """The document as it is, in pieces of 64 KiB at most."""
        expand = zlib.decompressobj(_GZIP)
        for piece in self._pieces:
            rest = piece
            while part := expand.decompress(rest, _PIECE):
                yield part
                rest = expand.unconsumed_tail
