"""
Proves booking where the business asks for a proof of work: in the widget, on somebody's site, and without JavaScript.

Leaves what counts as a proof to `tests/faults/test_m_proof_of_work.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Request

from server.settings import ProofSettings, Settings
from tests.browser.visitor import Visitor, expect
from tests.world import World, settings_for

MakeVisitor = Callable[..., Awaitable[Visitor]]
SLOWLY = """
const derive = crypto.subtle.deriveBits.bind(crypto.subtle);
crypto.subtle.deriveBits = async (...all) => { await workBegins(); return derive(...all); };
"""
NO_CRYPTOGRAPHY = "Object.defineProperty(crypto, 'subtle', { value: undefined });"
COUNTED = """
const derive = crypto.subtle.deriveBits.bind(crypto.subtle);
crypto.subtle.deriveBits = (...all) => { workDone(); return derive(...all); };
"""


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """With challenges that are solved soon, also on a busy machine."""
    return settings_for(database_url, redis_url, proof=ProofSettings(cost=200, guesses=40))


@pytest.fixture
async def guarded(shop: World) -> World:
    """A shop that asks for proofs."""
    await shop.sql("UPDATE businesses SET guard = 'proof' WHERE id = $1", shop.business_id)
    return shop


async def test_M_a_held_time_is_proved_for_while_the_form_is_filled_in(visitor: MakeVisitor, guarded: World) -> None:
    robin = await visitor()
    robin.tolerated = ("403",)
    proofs: list[str | None] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            proofs.append(request.headers.get("booking-proof"))

    robin.page.on("request", note)
    await robin.open()
    await robin.times.first.click()
    await expect(robin.page.get_by_text("Held for you:")).to_be_visible()
    await robin.fill()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert [bool(proof) for proof in proofs] == [False, True, False]  # hold, hold with a proof, booking of what is held
    assert len(await robin.appointments()) == 1


async def test_M_what_is_going_on_is_said_politely_and_ends_when_somebody_goes_back(
    visitor: MakeVisitor, guarded: World
) -> None:
    robin = await visitor()
    robin.tolerated = ("403",)
    there, go_on = asyncio.Event(), asyncio.Event()

    async def begins() -> None:
        there.set()
        await go_on.wait()

    await robin.page.expose_function("workBegins", begins)
    await robin.page.add_init_script(SLOWLY)
    holds: list[str] = []
    robin.page.on("request", lambda request: holds.append(request.url) if request.url.endswith("/holds") else None)
    await robin.open()
    await robin.times.first.click()
    await there.wait()

    checking = robin.page.get_by_role("status").filter(has_text="Checking…")
    await expect(checking).to_be_visible()
    await robin.button("Back").click()
    go_on.set()
    await expect(checking).to_have_count(0)

    await robin.times.first.click()
    await expect(robin.page.get_by_text("Held for you:")).to_be_visible()
    assert len(holds) == 3  # refused; refused again, and proved: nothing was sent for the time that was left


async def test_M_where_no_time_could_be_held_booking_brings_the_proof(visitor: MakeVisitor, guarded: World) -> None:
    robin = await visitor()
    robin.tolerated = ("403", "ERR_FAILED")
    await robin.page.route("**/holds", lambda route: route.abort())
    await robin.open()
    await robin.times.first.click()
    await robin.fill()

    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert len(await robin.appointments()) == 1


async def test_M_where_the_proof_cannot_be_made_what_was_typed_stays(visitor: MakeVisitor, guarded: World) -> None:
    robin = await visitor()
    robin.tolerated = ("403",)
    await robin.page.add_init_script(NO_CRYPTOGRAPHY)
    await robin.open()
    await robin.times.first.click()
    await robin.fill()

    await robin.button("Book").click()

    await expect(robin.page.get_by_text("This did not work. What you typed is kept.")).to_be_visible()
    await expect(robin.page.get_by_label("Name", exact=True)).to_have_value("Robin Example")
    assert await robin.appointments() == []


async def test_M_an_open_business_asks_for_no_work(visitor: MakeVisitor, shop: World) -> None:
    robin = await visitor()
    worked: list[bool] = []
    await robin.page.expose_function("workDone", lambda: worked.append(True))
    await robin.page.add_init_script(COUNTED)
    await robin.open()
    await robin.times.first.click()
    await robin.fill()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert worked == []
