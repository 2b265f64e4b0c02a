"""Proves that pages say everything in every language, and in the language of who looks at them."""

import re
from collections.abc import Iterator
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import make_mocked_request

from server.voice import LANGUAGES
from server.web.pages import error
from server.web.pages.language import PageVoice, voice_of
from server.web.pages.manage import HEADINGS

SAID = re.compile(r'(?:say\(\s*|_FILL = |problem ?= ?|Trouble\()"([^"]+)"')
SAME = {"Name", "optional", "no"}
"""What is spelled like English somewhere."""


def sentences() -> Iterator[str]:
    """All that pages say, in English."""
    for folder in (files("server") / "web" / "pages", files("server") / "templates" / "pages"):
        for file in folder.iterdir():
            if file.name.endswith((".py", ".html")):
                yield from SAID.findall(file.read_text("utf-8"))
    for words in (*error._WORDS.values(), error._ELSE, HEADINGS.values()):
        yield from words


def test_there_are_many_sentences() -> None:
    assert len(set(sentences())) > 60


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_sentence_of_every_page_is_there_in_every_language(language: str) -> None:
    voice = PageVoice(language)
    for sentence in set(sentences()):
        values = {name: f"<{name}>" for name in re.findall(r"{(\w+)}", sentence)}
        said = voice.say(sentence, **values)
        assert said != sentence.format(**values) or sentence in SAME, sentence
        assert all(value in said for value in values.values()), sentence


@pytest.mark.parametrize(
    ("header", "tag", "direction"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de-AT", "ltr"),
        ("sv, ar-EG;q=0.5", "ar-EG", "rtl"),
        ("xx-<script>, pt", "pt", "ltr"),
        ("zh", "en", "ltr"),
        ("", "en", "ltr"),
        ("en;q=0.1, de", "de", "ltr"),
        ("de;q=0, fr;q=0.5", "fr", "ltr"),
        ("ar-EG-u-nu-arab", "ar-EG-u-nu-arab", "rtl"),
        ("de-" + "x" * 400, "en", "ltr"),
    ],
)
def test_a_page_speaks_the_first_language_that_we_have(header: str, tag: str, direction: str) -> None:
    voice = voice_of(make_mocked_request("GET", "/", headers={"Accept-Language": header}))

    assert (voice.tag, voice.direction) == (tag, direction)


def test_lengths_are_written_as_readers_there_write_them() -> None:
    assert PageVoice("en-US").length(75) == "1 hr 15 min"
    assert PageVoice("de").length(120) == "2 Std."
    assert PageVoice("de").at(ZoneInfo("Asia/Tokyo")).say("Book") == "Buchen"
