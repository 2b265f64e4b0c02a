"""A document that is compressed while it is made comes out as it went in."""

import gzip

from hypothesis import given
from hypothesis import strategies as st

from server.calendars.packed import Packed


def packed(parts: list[bytes]) -> Packed:
    document = Packed()
    for part in parts:
        document.add(part)
    return document.end()


@given(st.lists(st.binary(max_size=5_000), max_size=20))
def test_both_ways_out_give_the_whole_document(parts: list[bytes]) -> None:
    whole, document = b"".join(parts), packed(parts)
    zipped = b"".join(document.zipped())
    assert b"".join(document.plain()) == gzip.decompress(zipped) == whole
    assert (document.length, document.zipped_length) == (len(whole), len(zipped))
    assert zipped == b"".join(packed([whole]).zipped())


def test_what_compresses_to_nothing_still_leaves_in_small_pieces() -> None:
    pieces = list(packed([b"\0" * 50_000_000]).plain())
    assert sum(map(len, pieces)) == 50_000_000
    assert max(map(len, pieces)) == 65_536
