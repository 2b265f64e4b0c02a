"""
Proves that the widget gets along with the page around it: strict policies, hostile styles, a second widget, being moved
and removed. Rows 112 to 117 of the matrix.

Leaves booking itself to `test_booking_flow`.
"""

from collections.abc import Awaitable, Callable

from tests.browser.visitor import PLAIN, Host, Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]


async def test_115_it_runs_under_the_strictest_policy(visitor: MakeVisitor) -> None:
    robin = await visitor()
    policy = (
        f"default-src 'none'; script-src {robin.server_url}; connect-src {robin.server_url}; style-src 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    await robin.open(headers={"Content-Security-Policy": policy})

    await robin.book_first()

    assert await robin.page.locator("[part~=root]").evaluate("(e) => getComputedStyle(e).borderTopWidth") == "1px"


HOSTILE = """
<style>
  * { all: unset !important; font-size: 40px !important; letter-spacing: 9px !important; color: red !important }
  button { display: none !important }
  div, table, td { position: absolute !important; transform: rotate(3deg) !important }
  bookable-widget { text-transform: uppercase; line-height: 4 }
</style>
<script>
  Object.prototype.part = 'polluted'; Array.prototype.extra = 1;
  Element.prototype.old = 1; window.name = 'bookable'; window.Formats = window.h = window.patch = 1;
</script>
<form><input name="getElementById"><input name="customElements"></form><div id="root"></div>
"""


async def test_115_117_hostile_styles_and_scripts_of_the_page_do_not_reach_it(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open(PLAIN.format(body=HOSTILE + robin.snippet()))

    await expect(robin.times.first).to_be_visible()
    style = (
        "(e) => [getComputedStyle(e).fontSize, getComputedStyle(e).letterSpacing, getComputedStyle(e).textTransform]"
    )
    assert await robin.times.first.evaluate(style) == ["16px", "normal", "none"]
    await robin.book_first()


async def test_115_two_widgets_on_a_page_do_not_know_each_other(visitor: MakeVisitor, shop: World) -> None:
    robin = await visitor()
    await robin.open(PLAIN.format(body=robin.snippet() + robin.snippet(locale="de")))
    one, two = robin.page.locator("bookable-widget").nth(0), robin.page.locator("bookable-widget").nth(1)

    await one.locator("[part~=slot]").first.click()

    await expect(one.get_by_role("heading", name="Your details")).to_be_visible()
    await two.scroll_into_view_if_needed()
    await expect(two.locator("[part~=slot]").first).to_be_visible()
    await expect(two.get_by_role("heading", name="Ihre Angaben")).not_to_be_attached()


async def test_it_can_be_moved_in_the_page_and_goes_quiet_when_it_is_removed(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await robin.times.first.click()
    await expect(robin.page.get_by_text("Held for you:")).to_be_visible()
    await robin.page.evaluate(
        "document.body.append(document.createElement('main'), document.querySelector('bookable-widget'))"
    )
    await expect(robin.heading("Your details")).to_be_visible()

    async with robin.page.expect_request(lambda request: request.method == "DELETE"):
        await robin.page.evaluate("document.querySelector('bookable-widget').remove()")


async def test_the_script_may_be_there_twice(visitor: MakeVisitor) -> None:
    robin = await visitor()
    script = f'<script type="module" src="{robin.server_url}/widget/v1/bookable.js?again"></script>'
    await robin.open(PLAIN.format(body=robin.snippet() + script))

    await expect(robin.times.first).to_be_visible()


async def test_112_a_page_without_an_origin_of_its_own_gets_no_answer(
    visitor: MakeVisitor, shop: World, host: Host
) -> None:
    await shop.sql("UPDATE businesses SET allowed_origins = $2 WHERE id = $1", shop.business_id, ["*"])
    robin = await visitor()
    robin.tolerated = ("CORS policy", "Failed to load resource")
    inner = robin.snippet().replace('"', "&quot;")
    await robin.open(
        PLAIN.format(body=f'<iframe sandbox="allow-scripts" srcdoc="{inner}" width="900" height="900"></iframe>')
    )

    await expect(robin.page.frame_locator("iframe").get_by_role("alert")).to_be_visible(timeout=20_000)
    await expect(robin.page.frame_locator("iframe").get_by_role("link", name="Book an appointment")).to_be_visible()


async def test_116_a_script_that_is_not_the_one_that_was_pasted_is_refused_and_the_link_stays(
    visitor: MakeVisitor,
) -> None:
    robin = await visitor()
    robin.tolerated = ("integrity",)
    wrong = robin.snippet().replace("async src", f'async crossorigin integrity="sha384-{"A" * 64}" src')
    await robin.open(PLAIN.format(body=wrong))

    await expect(robin.page.get_by_role("link", name="Book an appointment")).to_be_visible()
    assert not await robin.page.evaluate("!!customElements.get('bookable-widget')")


async def test_114_messages_from_other_windows_change_nothing(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await expect(robin.times.first).to_be_visible()
    before = await robin.page.locator("[part~=root]").inner_text()

    await robin.page.evaluate("for (const data of ['bookable', {step: 'done'}, null]) postMessage(data, '*')")

    assert await robin.page.locator("[part~=root]").inner_text() == before


async def test_behind_a_button_it_is_a_dialog_that_gives_the_focus_back(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open(layout="button")

    await robin.button("Book an appointment").click()
    await expect(robin.page.get_by_role("dialog")).to_be_visible()
    await expect(robin.times.first).to_be_visible()
    await robin.page.keyboard.press("Escape")

    await expect(robin.page.get_by_role("dialog")).not_to_be_visible()
    await expect(robin.button("Book an appointment")).to_be_focused()


async def test_a_whole_booking_fits_into_the_dialog(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("wash")
    robin = await visitor(width=390)
    await robin.open(layout="popup")
    await robin.page.wait_for_function("!!customElements.get('bookable-widget')")
    await robin.page.evaluate("document.querySelector('bookable-widget').open()")

    await robin.button("Wash", exact=False).click()
    await robin.book_first()
    await robin.button("Close").click()

    await expect(robin.page.get_by_role("dialog")).not_to_be_visible()
    assert [status for status, *_ in await robin.appointments()] == ["confirmed"]


async def test_nothing_is_asked_before_it_is_nearly_seen(visitor: MakeVisitor) -> None:
    robin = await visitor()
    asked: list[str] = []
    robin.page.on("request", lambda request: asked.append(request.url))
    await robin.open(PLAIN.format(body="<p style='height: 5000px'>Read on</p>" + robin.snippet()))
    await robin.page.wait_for_function("!!customElements.get('bookable-widget')")

    assert not any("/v1/businesses" in url for url in asked)
    await robin.page.locator("bookable-widget").scroll_into_view_if_needed()
    await expect(robin.times.first).to_be_visible()
    assert any("/v1/businesses" in url for url in asked)


async def test_the_page_below_does_not_jump(visitor: MakeVisitor) -> None:
    for width in (1280, 390):
        robin = await visitor(width=width)
        await robin.page.add_init_script(
            "window.shift = 0; new PerformanceObserver((list) => { for (const each of list.getEntries())"
            " if (!each.hadRecentInput) shift += each.value }).observe({ type: 'layout-shift', buffered: true })"
        )
        rule = (
            "<style>bookable-widget { display: block; min-height: 34rem }"
            " @media (max-width: 40rem) { bookable-widget { min-height: 54rem } }</style>"
        )
        await robin.open(PLAIN.format(body=rule + "<h1>A barber's</h1>" + robin.snippet() + "<p>Below</p>" * 20))
        await expect(robin.times.first).to_be_visible()

        assert await robin.page.evaluate("shift") < 0.02, width


async def test_properties_are_the_attributes_even_those_set_before_the_script_came(visitor: MakeVisitor) -> None:
    robin = await visitor()
    early = (
        f"<bookable-widget business='{robin.world.slug}'></bookable-widget><script>"
        "document.querySelector('bookable-widget').prefillName = 'Robin Early'</script>"
        f"<script type='module' src='{robin.server_url}/widget/v1/bookable.js'></script>"
    )
    await robin.open(PLAIN.format(body=early))
    await robin.times.first.click()
    await expect(robin.page.get_by_label("Name", exact=True)).to_have_value("Robin Early")

    asked: list[str] = []
    robin.page.on("request", lambda request: asked.append(request.url))
    after = await robin.page.evaluate(
        "() => { const it = document.querySelector('bookable-widget');"
        " Object.assign(it, { prefillName: 'Robin Late', locale: 'de', noWaitlist: true });"
        " const is = [it.getAttribute('locale'), it.prefillName, it.hasAttribute('no-waitlist'), it.service];"
        " it.noWaitlist = false; return [...is, it.hasAttribute('no-waitlist')] }"
    )

    assert after == ["de", "Robin Late", True, None, False]
    await robin.times.first.click()
    await expect(robin.page.get_by_label("Name", exact=True)).to_have_value("Robin Late")
    await expect(robin.heading("Ihre Angaben")).to_be_visible()
    assert sum("/v1/businesses" in url and "include" in url for url in asked) == 1, "it began anew once"


async def test_a_site_that_turns_dark_costs_nobody_what_they_typed(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open(theme="light")
    await robin.times.first.click()
    await robin.fill()
    ink = "getComputedStyle(document.querySelector('bookable-widget').shadowRoot.querySelector('.root')).color"
    light = await robin.page.evaluate(ink)

    await robin.page.evaluate("document.querySelector('bookable-widget').theme = 'dark'")

    assert await robin.page.evaluate(ink) != light
    await expect(robin.page.get_by_label("Name", exact=True)).to_have_value("Robin Example")
