"""
Owns making a business: its row, its first location, its first key.

Leaves everything else about it to `catalogue`.
"""

import re

from server.domain.currencies import is_currency
from server.domain.errors import Conflict
from server.store import schema
from server.store.businesses import add, business_id_of
from server.store.engine import Session
from server.tokens import new_api_key, token_hash
from server.usecases.core import Core

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


async def found_business(core: Core, *, slug: str, name: str, timezone: str, currency: str, locale: str = "en") -> str:
    """
    Makes a business with the location `main` in *timezone*; the key that may manage it.

    Raises:
        Conflict: The slug is taken, or it or the currency cannot be one.
    """
    if not _SLUG.fullmatch(slug) or len(slug) > 63:
        raise Conflict("A slug is lower-case letters, digits and single hyphens, such as corner-barber.")
    if not is_currency(currency):
        raise Conflict("A currency is the code of one in ISO 4217, such as EUR.")
    if not _LOCALE.fullmatch(locale) or len(locale) > 35:
        raise Conflict("A language is a tag of BCP 47, such as de or pt-BR.")
    if not 1 <= len(name) <= 200:
        raise Conflict("A name has 1 to 200 characters.")
    key, prefix = new_api_key()

    async def work(session: Session) -> None:
        if await business_id_of(session, slug) is not None:
            raise Conflict(f"There is a business {slug} already.")
        business = await add(session, schema.businesses, slug=slug, name=name, currency=currency, locale=locale)
        await add(session, schema.locations, business_id=business, slug="main", name=name, timezone=timezone)
        await add(
            session,
            schema.api_keys,
            business_id=business,
            name="first key",
            prefix=prefix,
            key_hash=token_hash(key),
            scopes=["manage"],
        )

    await core.database.transact(work)
    return key
