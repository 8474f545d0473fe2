"""The page in headless Chromium, if the machine has one."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WAIT_MS = 120_000

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    log = tmp_path_factory.mktemp("explore") / "log.txt"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))}
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "generators" / "explored_balls.py")],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        deadline = time.monotonic() + 240
        while "http://" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the server has not started"
            time.sleep(0.2)
        yield log.read_text().split()[-1]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(params=["light", "dark"])
def page(browser, address, request):
    # The page's own policy forbids `eval`, which waiting for an expression needs.
    made = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=request.param, bypass_csp=True)
    made.asked, made.problems = [], []
    made.on("request", lambda sent: made.asked.append(sent.url))
    made.on("pageerror", lambda error: made.problems.append(str(error)))
    made.on("console", lambda said: made.problems.append(said.text) if said.type == "error" else None)
    made.goto(address)
    made.wait_for_function("window.explored && window.explored.rested > 0", timeout=WAIT_MS)
    yield made
    assert not made.problems
    assert all(url.startswith((address, "blob:", "data:")) for url in made.asked), "the page asks nobody else"
    made.close()


def pixels(page):
    return page.evaluate("document.getElementById('image').toDataURL()")


def settled(page, action):
    before = page.evaluate("window.explored.rested")
    action()
    page.wait_for_function(f"window.explored.rested > {before}", timeout=WAIT_MS)
    page.wait_for_function("!pending && wanted === null", timeout=WAIT_MS)


def test_sliders_drags_and_keys_change_the_image(page):
    theme = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert theme != "rgba(0, 0, 0, 0)"
    assert page.locator("#sideLeft").text_content() == "R"
    assert page.locator("#overlay .landmark").count() > 4
    first = pixels(page)
    settled(page, lambda: page.locator("#lao_rao_deg").press("ArrowRight"))
    assert page.evaluate("state.lao_rao_deg") == 1
    second = pixels(page)
    assert second != first
    box = page.locator("#stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag():
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] - 120, middle[1] + 60, steps=8)
        page.mouse.up()

    settled(page, drag)
    assert page.evaluate("state.lao_rao_deg") > 10
    assert page.evaluate("state.cranial_caudal_deg") > 5
    assert "LAO" in page.locator("#facts").text_content()
    page.locator("#stage").focus()
    settled(page, lambda: page.keyboard.press("Shift+ArrowUp"))
    assert page.evaluate("state.head_mm") != 0
    page.keyboard.press("l")
    assert page.locator("#overlay .landmark").count() == 0
    settled(page, lambda: page.keyboard.press("r"))
    assert pixels(page) == first, "the same state gives the same image"


def test_every_control_can_be_reached_with_the_keyboard_and_has_a_name(page):
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input,select,button')].filter(e => !e.labels?.length "
        "&& !e.getAttribute('aria-label') && !e.textContent.trim()).map(e => e.id)"
    )
    assert unnamed == []
    assert page.evaluate("[...document.querySelectorAll('input,select,button,#stage')].every(e => e.tabIndex >= 0)")


def test_saving_downloads_an_archive(page):
    with page.expect_download(timeout=WAIT_MS) as got:
        page.locator("#save").click()
    assert got.value.suggested_filename == "synthex-explored.zip"
