"""
Owns finding out whether BOOKABLE_SECRET_KEYS are those of this database, before anything is made with them.

Leaves the sealed word to `store/key_checks`, and ending the process to whoever started it.
"""

import asyncio
import math

from server.domain.errors import Unavailable
from server.store.engine import Database, Session
from server.store.key_checks import newest_tokens, read_key_check, write_key_check
from server.supervision import Loop, pause_after
from server.tokens import Purpose, SecretMissing, Vault

_WORD = b"bookable"
_TRIED = 50


class WrongSecret(Exception):
    """
    BOOKABLE_SECRET_KEYS does not have the secret that this database was set up with.

    Links in mails, calendar passwords and webhook secrets need it: put it back, behind a new one while you change it.
    """

    def __str__(self) -> str:
        return (
            "BOOKABLE_SECRET_KEYS does not have the secret that this database was set up with. Links in mails, calendar"
            " passwords and webhook secrets need it: put it back, behind the new one if you are changing it."
        )


async def check_secret(database: Database, vault: Vault) -> None:
    """
    Sees that one of the secrets fits; the first process of a new installation settles which does.

    Raises:
        WrongSecret: None of them does.
        Unavailable: Postgres is away: it is not known.
    """

    async def work(session: Session) -> bytes | None:
        sealed = await read_key_check(session)
        if sealed is None:
            given_out = await newest_tokens(session, _TRIED)
            if given_out and not any(_fits(vault, salt, stored) for salt, stored in given_out):
                raise WrongSecret
            await write_key_check(session, vault.seal(_WORD, Purpose.KEY_CHECK))
            sealed = await read_key_check(session)
        return sealed

    sealed = await database.transact(work)
    if sealed is None or not opens(vault, sealed):
        raise WrongSecret


async def adopt_secret(database: Database, vault: Vault) -> None:
    """
    Settles that the secret is this database's, unless that is settled: for where the two lie in one folder.

    Raises:
        Unavailable: Postgres is away.
    """

    async def work(session: Session) -> None:
        await write_key_check(session, vault.seal(_WORD, Purpose.KEY_CHECK))

    await database.transact(work)


async def has_secret(database: Database) -> bool:
    """
    Whether this database was set up with a secret, whichever that is.

    Raises:
        Unavailable: Postgres is away.
    """
    async with database.reading() as session:
        return await read_key_check(session) is not None or bool(await newest_tokens(session, 1))


async def until_secret_fits(database: Database, vault: Vault) -> None:
    """
    Waits for Postgres, and checks then.

    Raises:
        WrongSecret
    """
    loop = Loop("start", math.inf)
    while True:
        try:
            await check_secret(database, vault)
        except Unavailable as error:
            loop.failed(error)
            await asyncio.sleep(pause_after(loop.streak))
        else:
            return


def opens(vault: Vault, sealed: bytes) -> bool:
    """Whether one of the secrets opens the word."""
    return vault.unseal(sealed, Purpose.KEY_CHECK) == _WORD


def _fits(vault: Vault, salt: bytes, stored: bytes) -> bool:
    try:
        vault.manage_token(salt, stored)
    except SecretMissing:
        return False
    return True
