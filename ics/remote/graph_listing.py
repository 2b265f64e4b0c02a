"""
Owns what a page of a Microsoft Graph list is about: single events, series, and what is not there any more.

Leaves asking for it to `graph`, and what an event says to `graph_words`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ics.remote.errors import Nonsense
from ics.remote.json_answers import Json

_OUTLOOKS_OWN = "localevent:"
"""Begins the transactionId of whatever is made in Outlook itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a page of a delta query is about: each event once, as its last mention says."""

    singles: Mapping[str, Json]
    series: Sequence[str]
    removed: Sequence[str]


def sort_items(items: Iterable[Json]) -> Listed:
    """What *items* of a delta query are about, in order, each once."""
    last = {id_of(item): item for item in items}
    series = {href: None for each in last.values() if (href := _series_of(each)) is not None}
    return Listed(
        singles={
            href: each for href, each in last.items() if not ("@removed" in each or href in series or _series_of(each))
        },
        series=list(series),
        # An occurrence by itself is no object; a series that is named as well is asked for, and will be missing there.
        removed=[href for href, each in last.items() if "@removed" in each and href not in series],
    )


def _series_of(item: Json) -> str | None:
    """The master of the series that *item* is, or belongs to."""
    if "@removed" in item:
        return None
    if is_series(item):
        return id_of(item)
    master = item.get("seriesMasterId")
    return master if isinstance(master, str) and master else None


def may_be_ours(item: Json) -> bool:
    """Whether it was made by a program that named the transaction, as we do."""
    transaction = item.get("transactionId")
    return isinstance(transaction, str) and bool(transaction) and not transaction.startswith(_OUTLOOKS_OWN)


def is_series(item: Json) -> bool:
    """Whether it is the master of a series."""
    return item.get("type") == "seriesMaster"


def items_of(answer: Json) -> list[Json]:
    """The list in *answer*; raises `Nonsense` where there is none."""
    listed = answer.get("value")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Nonsense("the calendar provider's answer has no list")
    return listed


def id_of(item: Json) -> str:
    """Its id; raises `Nonsense` where there is none."""
    value = item.get("id")
    if not isinstance(value, str) or not value:
        raise Nonsense("the calendar provider lists something without an id")
    return value


def etag_of(item: Json) -> str | None:
    """Its ETag, of one word."""
    value = item.get("@odata.etag")
    return value if isinstance(value, str) and value.isprintable() and " " not in value else None
