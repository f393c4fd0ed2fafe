"""The page in a real browser: what is seen is what the engine did, and nothing leaves the machine."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from helix import AsyncEngine
from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = os.environ.get("HELIX_PICTURES")
"""Folder that the pictures for the README are written to; unset: they are taken and thrown away."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: apt-get install chromium")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A page of its own, with everything it asked for and complained about."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1180, "height": 800}} | options)
        self.context.route("**/*", self._pass_own)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _pass_own(self, route: Route) -> None:
        self.asked.append(route.request.url)
        if route.request.url.startswith(self.url):
            route.continue_()
        else:
            route.abort()

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, view: str = "playground") -> Page:
        self.page.goto(f"{self.url}/#{view}")
        expect(self.page.locator(f"#view-{view}")).to_be_visible()
        expect(self.page.locator(".served")).to_have_count(1)
        return self.page

    def picture(self, name: str, *, scrolled: bool = False) -> None:
        """Take a picture, of the top unless the page was scrolled, to look at and for the README."""
        if not scrolled:
            self.page.evaluate("scrollTo(0, 0)")
        content = self.page.screenshot(animations="disabled")
        assert len(content) > 5000, "an empty page"
        if PICTURES is not None:
            few_colours = Image.open(io.BytesIO(content)).convert("RGB").quantize(160)
            few_colours.save(Path(PICTURES) / f"{name}.png", optimize=True)


@pytest.fixture
def visit(browser: Browser, server: Server[AsyncEngine]) -> Iterator[Callable[..., Visit]]:
    """Open the page; whatever a test does there, it is without complaints and asks nobody else."""
    visits: list[Visit] = []

    def start(**options: Any) -> Visit:
        visits.append(Visit(browser, server.url, **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()
        assert one.complaints == []
        assert one.asked
        assert [url for url in one.asked if not url.startswith(server.url)] == []


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def _shown_counts(page: Page, within: str) -> dict[str, int]:
    """Return how many tokens of each source stand coloured in a text, and how many guesses struck through."""
    counts: dict[str, int] = page.locator(within).first.evaluate(
        """element => {
            const counts = {rejected: element.querySelectorAll("del").length};
            for (const token of element.querySelectorAll(".token, .ending")) {
              const source = token.dataset.source;
              counts[source] = (counts[source] ?? 0) + 1;
            }
            return counts;
        }"""
    )
    return counts


def _colour(page: Page, name: str) -> str:
    """Return one of the page's colours as six hexadecimal digits."""
    colour: str = page.evaluate(
        "name => getComputedStyle(document.documentElement).getPropertyValue(name)", f"--{name}"
    )
    return colour.strip().removeprefix("#")


def _colours_of(page: Page, canvas: str) -> set[str]:
    """Return the colours that are found in a canvas."""
    colours: list[str] = page.locator(canvas).evaluate(
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const found = new Set();
            for (let at = 0; at < data.length; at += 4)
              found.add([...data.slice(at, at + 3)].map(part => part.toString(16).padStart(2, "0")).join(""));
            return [...found];
        }"""
    )
    return set(colours)


def _helix(body: str) -> Any:
    """Return the helix object at the end of a stream."""
    frames = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return frames[-1]["helix"]


def test_a_first_click_streams_an_answer_whose_colours_are_those_of_the_helix_object(
    visit: Callable[..., Visit],
) -> None:
    one = visit(color_scheme="light")
    page = one.open()
    page.evaluate(  # every number of tokens that is ever to be seen
        """() => { window.seen = new Set(); new MutationObserver(() => {
            window.seen.add(document.querySelectorAll(".answer .token").length);
        }).observe(document.querySelector("#view-playground"), {childList: true, subtree: true}); }"""
    )
    with page.expect_response("**/v1/chat/completions") as response:
        page.get_by_role("button", name="Send").click()
    page.locator('.answer[data-running="false"][data-finish="stop"]').wait_for()
    assert len(page.evaluate("[...window.seen]")) > 2, "tokens come one after another"
    report = _helix(response.value.text())["speculation"]
    shown = _shown_counts(page, ".answer")
    assert report["accepted"] > 10
    for source, counted in report["by_proposer"].items():
        assert shown.get(source, 0) == counted["accepted"]
    copied = report["by_proposer"].get("suffix", {"drafted": 0, "accepted": 0})
    num_untold = report["drafted"] - report["accepted"] - shown["rejected"]
    assert 0 <= num_untold <= copied["drafted"] - copied["accepted"], "only guesses from other answers are not told"
    assert shown["target"] + report["accepted"] == sum(shown.values()) - shown["rejected"]
    assert page.locator(".answer .tokens").inner_text().startswith("Once upon a time")
    one.picture("playground-light")


def test_a_request_is_copied_as_a_program_without_the_key(visit: Callable[..., Visit]) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"]).open()
    page.get_by_text("API key", exact=True).click()
    page.get_by_label("API key").fill("sk-secret")
    page.get_by_role("button", name="A tool call").click()
    programs = {}
    for language in ("curl", "Python", "JavaScript"):
        page.get_by_role("button", name=language, exact=True).click()
        page.get_by_text(f"Copied as {language}.").wait_for()
        programs[language] = page.evaluate("navigator.clipboard.readText()")
    compile(programs["Python"], "copied", "exec")
    body = json.loads(programs["curl"].split("-d '")[1].rsplit("'", 1)[0])
    assert body["tools"][0]["function"]["name"] == "get_weather"
    for program in programs.values():
        assert "What is the weather in Vienna?" in program
        assert "sk-secret" not in program


def test_stop_stops_the_engine(visit: Callable[..., Visit], server: Server[AsyncEngine]) -> None:
    page = visit(color_scheme="dark").open()
    page.get_by_label("Most tokens").fill("2000")
    page.get_by_label("Message").fill("Write a poem without end.")
    page.evaluate(  # so that it would go on for long
        """() => { const send = window.fetch; window.fetch = (path, options) => {
            const slow = {ignore_eos: true, speculation: {depth: 0}};
            if (options?.body) options.body = JSON.stringify({...JSON.parse(options.body), ...slow});
            return send(path, options);
        }; }"""
    )
    page.get_by_role("button", name="Send").click()
    page.locator(".answer .token").nth(5).wait_for()
    assert server.engine.stats().num_running >= 1
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator('.answer[data-finish="stopped"]').wait_for()
    _until(lambda: server.engine.stats().num_running == 0)
    assert page.locator(".answer .token").count() < 1500
    page.get_by_role("button", name="Regenerate").click()
    page.locator('.answer[data-running="true"] .token').first.wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()


def test_a_race_shows_the_same_text_twice_and_one_of_them_in_fewer_passes(visit: Callable[..., Visit]) -> None:
    one = visit(color_scheme="light")
    page = one.open("speculation")
    page.get_by_role("button", name="Race").click()
    verdict = page.locator("#view-speculation .notice")
    verdict.wait_for()
    assert "the same, character for character" in verdict.inner_text()
    fast, plain = (page.locator(".lane-text .tokens").nth(number) for number in (0, 1))
    texts = [
        lane.evaluate(
            "lane => [...lane.childNodes].filter(node => node.nodeName != 'DEL').map(node => node.textContent).join('')"
        )
        for lane in (fast, plain)
    ]
    assert texts[0] == texts[1] != ""
    steps = [
        lane.locator(".token").evaluate_all("all => new Set(all.map(one => one.dataset.step)).size")
        for lane in (fast, plain)
    ]
    assert steps[0] < steps[1]
    assert plain.locator('.token:not([data-source="target"])').count() == 0
    assert page.locator(".chart canvas").count() == 4
    one.picture("speculation-light")


def test_the_map_shows_the_blocks_of_running_requests(visit: Callable[..., Visit], server: Server[AsyncEngine]) -> None:
    one = visit(color_scheme="dark")
    page = one.open("memory")
    page.get_by_role("button", name="Start 8 requests").click()
    rows = page.locator('#view-memory tbody tr[data-running="true"]')
    rows.nth(7).wait_for()
    expect(page.locator("[data-count=shared]")).not_to_have_text("0")
    tables = rows.locator(".table-blocks").all_inner_texts()
    assert all(table.split() for table in tables)
    first_blocks = {table.split()[0] for table in tables}
    assert len(first_blocks) < len(tables), "a common beginning is kept once"
    expect(page.locator("[data-count=draft]")).not_to_have_text("0")
    assert "held by the draft model too" in (page.locator(".pool canvas").get_attribute("aria-label") or "")
    assert _colours_of(page, ".pool canvas") >= {_colour(page, name) for name in ("draft", "suffix", "predicted")}
    rows.first.get_by_role("button").click()
    assert page.locator("tr.chosen").count() == 1
    one.picture("memory-dark")
    page.get_by_role("button", name="Stop them").click()
    _until(lambda: server.engine.stats().num_running == 0)
    expect(rows).to_have_count(0)


def test_the_explanation_walks_through_the_passes_of_a_real_answer(visit: Callable[..., Visit]) -> None:
    page = visit().open("explained")
    with page.expect_response("**/v1/chat/completions") as response:
        page.get_by_role("button", name="Ask the engine").click()
    steps = response.value.json()["choices"][0]["speculation_trace"]
    view = page.locator("#view-explained")
    view.get_by_text(f"Pass 1 of {len(steps)}, for 60 tokens").wait_for()
    place = next(place for place, step in enumerate(steps) if step["accepted"])
    for _ in range(place):
        page.get_by_role("button", name="Next pass").click()
    view.get_by_text(f"Pass {place + 1} of").wait_for()
    guessed, written = (view.locator(".strip").nth(number).locator(".box") for number in (0, 1))
    assert guessed.count() == sum(len(draft["tokens"]) for draft in steps[place]["drafts"])
    assert guessed.and_(page.locator("[data-mark=accepted]")).count() == steps[place]["accepted"]
    assert written.count() == len(steps[place]["tokens"])
    before = view.locator(".words").all_inner_texts()
    view.get_by_role("radio", name="a researcher").check()
    assert all(one != other for one, other in zip(before, view.locator(".words").all_inner_texts(), strict=True))


def test_the_lessons_on_memory_and_batches_show_requests_that_the_engine_had(
    visit: Callable[..., Visit], server: Server[AsyncEngine]
) -> None:
    one = visit(color_scheme="light")
    page = one.open("explained")
    page.get_by_role("button", name="Look into the engine").click()
    tables = page.locator(".real-table")
    tables.nth(2).wait_for()
    page.get_by_text("This engine, after its step").wait_for()
    first, second, third = (
        [int(number) for number in tables.nth(row).locator("text").all_text_contents()[1:]] for row in range(3)
    )
    assert first[0] == second[0] != third[0], "a common beginning is kept once"
    assert not set(third) & {*first, *second}
    assert max(first + second + third) < server.engine.info.num_blocks
    shared = tables.nth(0).locator(".request-shared").count()
    assert shared == len(set(first) & set(second)) > 0
    before = server.engine.stats().num_steps
    page.get_by_role("button", name="Send six to the engine").click()
    told = page.get_by_text("One behind the other they take")
    told.wait_for()
    together, one_by_one, in_groups = map(int, re.findall(r"(\d+)(?: steps|\.$)", told.inner_text()))
    assert (one_by_one, in_groups) == (96 + 40 + 72 + 48 + 80 + 56, 96 + 80)
    assert 96 <= together < one_by_one, "they were in the engine side by side"
    assert together == server.engine.stats().num_steps - before
    seen = [row.locator("rect").count() > 0 for row in page.locator(".real-row").all()]
    assert seen[0] and sum(seen) >= 4, "a slow machine may miss a short one"
    page.evaluate("document.querySelector('.real-table').scrollIntoView({block: 'center'})")
    one.picture("explained-light", scrolled=True)


def test_a_key_is_asked_for_and_kept_in_memory_alone(browser: Browser) -> None:
    with running_server(FakeEngine(), ServerConfig(port=0, api_key=("sk-secret",))) as locked:
        one = Visit(browser, locked.url)
        one.page.goto(locked.url)
        one.page.get_by_text("This server asks for an API key").wait_for()
        one.page.get_by_label("API key").fill("sk-secret")
        one.page.get_by_label("API key").press("Enter")
        one.page.locator(".served").wait_for()
        one.page.get_by_role("button", name="Send").click()
        one.page.locator('.answer[data-finish="stop"]').wait_for()
        one.page.get_by_label("Show where tokens came from").uncheck()
        assert one.page.locator(".answer .tokens").inner_text().startswith("You said: Tell me")
        kept = one.page.evaluate("[JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie]")
        assert "sk-secret" not in "".join([*kept, *one.asked, one.page.content()])
        assert all("401" in complaint for complaint in one.complaints)
        one.context.close()


def test_it_fits_a_phone_and_is_used_by_keyboard(visit: Callable[..., Visit]) -> None:
    one = visit(color_scheme="dark", viewport={"width": 390, "height": 800}, has_touch=True)
    page = one.open()
    for view in ("playground", "speculation", "memory", "explained"):
        one.open(view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{view} is wider than the screen"
    one.open()
    page.get_by_label("Message").focus()
    page.keyboard.press("Enter")
    page.locator('.answer[data-finish="stop"]').wait_for()
    one.picture("playground-phone")
    colours = []
    for name in ("Light", "Dark"):
        page.get_by_role("button", name=f"Switch to {name}").press("Enter")
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]
