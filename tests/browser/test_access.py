"""
Proves that the widget can be used by keyboard, by ear, enlarged and from right to left (WCAG 2.2 AA; the grid pattern
of the ARIA Authoring Practices).

Leaves what is shown when to `test_booking_flow`.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.browser.visitor import Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]
AXE = Path(__file__).parents[2] / "widget" / "node_modules" / "axe-core" / "axe.min.js"
FOCUSED = "(() => { let e = document.activeElement; while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
FOCUSED += " return e.getAttribute('aria-label') ?? e.textContent })()"


async def faults(robin: Visitor) -> list[str]:
    """What axe finds in the whole page, shadow roots included."""
    await robin.page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = await robin.page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],"
        " rules: {region: {enabled: false}, 'landmark-one-main': {enabled: false},"
        " 'page-has-heading-one': {enabled: false}}})"
        ".then(({violations}) => violations.map(({id, nodes}) => id + ': ' + nodes.map((n) => n.html).join(' | ')))"
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "ar-EG"])
async def test_axe_finds_nothing_on_any_step(visitor: MakeVisitor, shop: World, scheme: str, locale: str) -> None:
    await shop.service(
        "wash",
        duration_min=20,
        phone_required=True,
        change_window_min=60,
        cancel_fee_minor=500,
        min_notice_min=shop.until_tomorrow_min,
    )
    robin = await visitor(width=390, color_scheme=scheme, locale=locale)
    await robin.open(locale=locale)
    await expect(robin.page.locator("[part~=service]").first).to_be_visible()
    assert await faults(robin) == [], "services"

    await robin.page.locator("[part~=service]").nth(1).click()
    await expect(robin.times.first).to_be_visible()
    assert await faults(robin) == [], "times"

    await robin.page.locator("[part~=zone] button").click()
    assert await faults(robin) == [], "zones"

    await robin.later_day()
    await robin.times.first.click()
    await robin.page.locator("[part~=submit]").click()
    await expect(robin.page.locator("[part~=mistake]").first).to_be_visible()
    assert await faults(robin) == [], "details with mistakes"

    await robin.page.locator("input[name=name]").fill("Robin")
    await robin.page.locator("input[name=email]").fill("robin@example.com")
    await robin.page.locator("input[name=phone]").fill("+4930901820")
    await robin.page.locator("[part~=submit]").click()
    await expect(robin.page.locator("[part~=mark]")).to_be_visible()
    assert await faults(robin) == [], "done"

    await robin.page.locator("[part~=quiet]").first.click()
    await expect(robin.page.locator("[part~=submit]")).to_be_visible()
    assert await faults(robin) == [], "managing"

    await robin.page.locator("[part~=submit]").click()
    await robin.times.nth(4).click()
    assert await faults(robin) == [], "moving"
    await robin.page.locator("[part~=submit]").click()
    await expect(robin.page.locator("[part~=mark]")).to_be_visible()
    assert await faults(robin) == [], "moved"

    await robin.page.locator("[part~=quiet]").first.click()
    await expect(robin.page.locator("[part~=submit]")).to_be_visible()
    await robin.page.locator("[part~=quiet]").click()
    await expect(robin.page.locator("[part~=title]")).to_be_visible()
    assert await faults(robin) == [], "cancelling"


async def test_axe_finds_nothing_where_nothing_is_free(visitor: MakeVisitor, shop: World) -> None:
    await shop.sql("UPDATE providers SET active = false WHERE business_id = $1", shop.business_id)
    robin = await visitor()
    await robin.open(service="cut")

    await expect(robin.button("Join the waitlist")).to_be_visible()
    assert await faults(robin) == []
    await robin.button("Join the waitlist").click()
    await expect(robin.heading("Join the waitlist")).to_be_visible()
    assert await faults(robin) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_when_something_goes_wrong(visitor: MakeVisitor, shop: World, scheme: str) -> None:
    robin = await visitor(width=390, color_scheme=scheme)
    robin.tolerated = ("Failed to load", "ERR_")
    await robin.page.route("**/holds", lambda route: route.abort())
    await robin.open()
    start = await robin.first_start()
    await robin.times.first.click()
    await robin.fill()
    await shop.book(start)
    await robin.button("Book").click()
    await expect(robin.page.locator("[part~=instead]")).to_be_visible()
    assert await faults(robin) == [], "taken"

    await robin.page.route("**/appointments", lambda route: route.fulfill(status=400, json={}))
    await robin.page.locator("[part~=instead] button").first.click()
    await robin.button("Book").click()
    await expect(robin.button("Try again")).to_be_visible()
    assert await faults(robin) == [], "refused"

    await robin.page.unroute("**/appointments")
    await robin.page.context.set_offline(True)
    await robin.button("Try again").click()
    await expect(robin.page.get_by_text("You are offline.")).to_be_visible()
    assert await faults(robin) == [], "offline"
    await robin.page.context.set_offline(False)


async def test_axe_finds_nothing_in_the_dialog(visitor: MakeVisitor, shop: World) -> None:
    for number in range(11):
        await shop.service(f"treatment-{number}")
    robin = await visitor()
    await robin.open(layout="button")
    await robin.button("Book an appointment").click()
    await expect(robin.page.get_by_label("Search")).to_be_visible()
    assert await faults(robin) == []


async def test_in_forced_colours_what_can_be_pressed_has_a_border_or_a_line_below(visitor: MakeVisitor) -> None:
    robin = await visitor(forced_colors="active", reduced_motion="reduce")
    bare = (
        "[...document.querySelector('bookable-widget').shadowRoot"
        ".querySelectorAll('.slot, .day-free, .submit, .quiet, .link, .input')].filter((each) => {"
        " const { borderTopWidth, textDecorationLine, animationName, transitionDuration } = getComputedStyle(each);"
        " return parseFloat(borderTopWidth) < 1 && textDecorationLine !== 'underline'"
        " || animationName !== 'none' || parseFloat(transitionDuration) > 0 }).map((each) => each.className)"
    )
    await robin.open()
    await expect(robin.times.first).to_be_visible()
    assert await robin.page.evaluate(bare) == []

    await robin.times.first.click()
    await expect(robin.button("Book")).to_be_visible()
    assert await robin.page.evaluate(bare) == []


async def test_a_booking_needs_no_mouse_and_the_focus_is_never_lost(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await expect(robin.times.first).to_be_visible()
    press = robin.page.keyboard.press

    await robin.page.locator("[part~=day-chosen]").focus()
    await press("Enter")
    assert await robin.page.evaluate(FOCUSED) == await robin.page.locator("[part~=day-name]").inner_text()
    await press("Tab")
    await press("Enter")
    await expect(robin.heading("Your details")).to_be_focused()
    await press("Tab")
    await robin.page.keyboard.type("Robin Example")
    await press("Tab")
    await robin.page.keyboard.type("robin@example.com")
    await press("Enter")

    await expect(robin.heading("You are booked")).to_be_focused()
    assert len(await robin.appointments()) == 1


KEYS = {
    "ArrowRight": lambda day: day + timedelta(days=1),
    "ArrowLeft": lambda day: day - timedelta(days=1),
    "ArrowDown": lambda day: day + timedelta(days=7),
    "ArrowUp": lambda day: day - timedelta(days=7),
    "Home": lambda day: day - timedelta(days=day.weekday()),
    "End": lambda day: day + timedelta(days=6 - day.weekday()),
}


async def chosen(robin: Visitor) -> date:
    """The day that the grid's one tab stop is on, from its full name."""
    name = await robin.page.evaluate(FOCUSED)
    found = re.search(r"(\d+) (\w+)", name)
    assert found, name
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    month = months.index(found[2]) + 1
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    return date(today.year + (month < today.month), month, int(found[1]))


async def test_the_keys_of_a_grid_move_through_days_weeks_and_months(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await expect(robin.times.first).to_be_visible()
    await robin.page.locator("[part~=day-chosen]").focus()
    await robin.page.keyboard.press("PageDown")
    await expect(robin.page.locator("td button[tabindex='0']")).to_be_focused()
    await robin.page.keyboard.press("ArrowDown")
    await robin.page.keyboard.press("ArrowDown")

    for key, move in KEYS.items():
        before = await chosen(robin)
        await robin.page.keyboard.press(key)
        assert await chosen(robin) == move(before), key
    before = await chosen(robin)
    await robin.page.keyboard.press("PageUp")
    await expect(robin.page.locator("td button[tabindex='0']")).to_be_focused()
    assert await chosen(robin) <= before
    assert await robin.page.locator("td button[tabindex='0']").count() == 1


async def test_no_key_leads_into_the_past(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await expect(robin.times.first).to_be_visible()
    await robin.page.locator("[part~=day-chosen]").focus()

    for key in ("PageUp", "Shift+PageUp", "ArrowUp", "ArrowUp"):
        await robin.page.keyboard.press(key)

    assert await chosen(robin) == datetime.now(ZoneInfo("Europe/Berlin")).date()


async def test_every_day_stands_under_the_name_of_its_weekday(visitor: MakeVisitor) -> None:
    for locale in ("en-US", "en-GB", "ar-EG"):
        robin = await visitor(locale=locale)
        await robin.open(locale=locale)
        await expect(robin.times.first).to_be_visible()
        wrong = await robin.page.evaluate(
            """(locale) => {
              const grid = document.querySelector('bookable-widget').shadowRoot.querySelector('table');
              const heads = [...grid.querySelectorAll('th')].map((head) => head.abbr);
              return [...grid.querySelectorAll('tbody tr')].flatMap((row) => [...row.cells].flatMap((cell, place) => {
                const name = cell.querySelector('button')?.getAttribute('aria-label');
                return name && !name.includes(heads[place]) ? [name + ' under ' + heads[place]] : [];
              }));
            }""",
            locale,
        )
        assert wrong == []


async def test_from_right_to_left_the_arrows_follow_the_eye(visitor: MakeVisitor) -> None:
    robin = await visitor(locale="ar-EG")
    await robin.open(locale="ar")
    await expect(robin.times.first).to_be_visible()
    assert await robin.page.locator("[part~=root]").get_attribute("dir") == "rtl"
    await robin.page.locator("[part~=day-chosen]").focus()
    await robin.page.keyboard.press("PageDown")
    await expect(robin.page.locator("td button[tabindex='0']")).to_be_focused()
    before = await robin.page.evaluate(
        "document.querySelector('bookable-widget').shadowRoot.activeElement.getBoundingClientRect().x"
    )

    await robin.page.keyboard.press("ArrowLeft")
    await expect(robin.page.locator("td button[tabindex='0']")).to_be_focused()

    after = await robin.page.evaluate(
        "document.querySelector('bookable-widget').shadowRoot.activeElement.getBoundingClientRect().x"
    )
    assert after != before


async def test_what_can_be_pressed_is_large_enough(visitor: MakeVisitor) -> None:
    robin = await visitor(width=390)
    await robin.open()
    await expect(robin.times.first).to_be_visible()

    small = await robin.page.evaluate(
        "[...document.querySelector('bookable-widget').shadowRoot.querySelectorAll('button, a, input, select')]"
        ".map((e) => [e.textContent, e.getBoundingClientRect()])"
        ".filter(([, {width, height}]) => height < 44 || width < 40)"
        ".map(([text]) => text)"
    )
    assert small == []


@pytest.mark.parametrize("width", [320, 390])
async def test_enlarged_four_times_nothing_is_cut_off(visitor: MakeVisitor, width: int) -> None:
    """A window of 1280 pixels at 400 % has 320."""
    robin = await visitor(width=width)
    await robin.open()
    await expect(robin.times.first).to_be_visible()

    assert await robin.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_month_is_announced_when_it_changes(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await expect(robin.times.first).to_be_visible()

    await robin.button("Next month").click()

    await expect(robin.page.get_by_role("status")).to_contain_text("free days")
