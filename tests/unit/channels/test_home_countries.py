import pytest

from server.channels.phone import home_countries, why_not_texted

GERMAN, AMERICAN = "+4915228817386", "+14158675309"


@pytest.mark.parametrize(
    ("countries", "zones", "phones", "home"),
    [
        (["AT"], [], [], {"AT"}),
        ([], ["Europe/Berlin", "Europe/Zurich"], [], {"DE", "CH"}),
        ([], [], ["+33123456789", "nonsense", ""], {"FR"}),
        (["AT"], ["Europe/Berlin"], ["+33123456789"], {"AT", "DE", "FR"}),
        ([], ["Etc/UTC"], [], set()),
        ([], [], [], set()),
    ],
)
def test_a_business_is_where_its_places_and_phones_are(
    countries: list[str], zones: list[str], phones: list[str], home: set[str]
) -> None:
    assert home_countries(countries, zones, phones) == home


def test_the_settings_may_say_everywhere() -> None:
    assert why_not_texted(AMERICAN, countries=("DE",)) is not None
    assert why_not_texted(AMERICAN, countries=("*",)) is None
    assert why_not_texted(GERMAN, countries=()) is None
