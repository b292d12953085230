"""The page in a browser without network: charts are drawn, slider, legend and theme work, a phone is wide enough."""

import json
import shutil
import tempfile
from collections.abc import Iterator

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="no chromium and chromedriver on the path")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
FLAGS += ("--disable-background-networking", "--disable-component-update", "--window-size=1000,800")
WAIT = 60.0


@pytest.fixture(scope="module")
def browser(run_folder) -> Iterator:
    """A browser that may reach no host, with the page of the run open."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            driver.execute_cdp_cmd("Network.enable", {})
            driver.execute_cdp_cmd("Network.emulateNetworkConditions", OFFLINE)
            driver.get((run_folder / "report.html").as_uri())
            # All charts at once: they are drawn when they come near the window.
            driver.execute_script("dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'))")
            WebDriverWait(driver, WAIT).until(lambda each: each.execute_script(ALL_DRAWN))
            yield driver
        finally:
            driver.quit()


OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
ALL_DRAWN = "return [...document.querySelectorAll('.plot')].every((each) => each.querySelector('.main-svg'))"
EXPLORER = "const plot = document.querySelector('#explorer .plot');"


def drawn(browser):
    """What the explorer shows: name, x and y of each line."""
    return browser.execute_script(f"{EXPLORER} return plot.data.map((each) => [each.name, each.x, each.y])")


def settle(browser, slider):
    move = "const s = document.getElementById('explorer-origin'); s.value = arguments[0]; "
    browser.execute_script(f"{move} s.dispatchEvent(new Event('input'))", slider)


def test_all_charts_are_drawn_without_an_error_and_without_a_request(browser):
    assert browser.execute_script("return document.querySelectorAll('.plot .main-svg').length") >= 8
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert not {url.partition(":")[0] for url in asked} & {"http", "https", "ws", "wss", "ftp"}


def test_the_slider_moves_to_another_origin_with_its_sentence_and_table(browser):
    settle(browser, 0)
    first, said = drawn(browser), browser.find_element("id", "explorer-reading").text
    settle(browser, 7)
    second = drawn(browser)
    assert {name for name, _, _ in first} >= {"before", "happened", "naive", "linear", "gru"}
    assert dict((n, x) for n, x, _ in first)["gru"] != dict((n, x) for n, x, _ in second)["gru"]
    when = browser.find_element("id", "explorer-when").text
    assert browser.find_element("id", "explorer-reading").text != said
    assert when in browser.find_element("id", "explorer-reading").text
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#explorer tbody th')].map((e) => e.textContent)"
    )
    assert rows == dict((n, x) for n, x, _ in second)["gru"]
    assert browser.find_element("id", "explorer-origin").get_attribute("aria-valuetext") == when


def test_the_slider_and_the_legend_are_reached_and_used_by_the_keyboard(browser):
    from selenium.webdriver.common.keys import Keys

    slider = browser.find_element("id", "explorer-origin")
    before = browser.find_element("id", "explorer-when").text
    slider.send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("id", "explorer-when").text > before
    button = browser.find_elements("css selector", "#explorer .legend button")[0]
    name = button.text
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "false"
    assert name not in [each for each, _, _ in drawn(browser)]
    button.send_keys(Keys.SPACE)
    assert name in [each for each, _, _ in drawn(browser)]
    steps = browser.find_elements("css selector", "#steps .legend button")[0]
    steps.click()
    shown = "return document.querySelector('#steps .plot').data.map((each) => [each.meta, each.visible])"
    assert [steps.text, False] in browser.execute_script(shown)
    steps.click()


def test_who_came_nearest_is_said_of_those_drawn_where_not_all_are(browser):
    reading = browser.find_element("id", "explorer-reading")
    button = browser.find_elements("css selector", "#explorer .legend button")[0]
    assert "came nearest, off by" in reading.text
    button.click()
    assert "came nearest of those drawn, off by" in reading.text
    button.click()
    assert "of those drawn" not in reading.text


def test_another_series_is_another_line(browser):
    before = drawn(browser)
    browser.execute_script(
        "const c = document.querySelector('#explorer select'); c.value = '1'; c.dispatchEvent(new Event('change'))"
    )
    assert drawn(browser) != before
    assert browser.find_element("id", "explorer-reading").text.startswith("=2+3")


def test_the_theme_changes_page_and_charts(browser):
    def colours():
        return browser.execute_script(
            f"{EXPLORER} return [getComputedStyle(document.body).backgroundColor, plot.layout.font.color]"
        )

    light = colours()
    button = browser.find_element("id", "theme")
    button.click()
    assert all(one != other for one, other in zip(colours(), light, strict=True))
    assert button.text == "Light colours"
    button.click()
    assert colours() == light


def test_a_phone_is_wide_enough(browser):
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wide = "return [document.documentElement.scrollWidth, innerWidth]"
    try:
        browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
        assert browser.execute_script(wide) == [390, 390]
        narrow = "return [...document.querySelectorAll('.plot .main-svg')].every((e) => e.clientWidth <= 390)"
        WebDriverWait(browser, WAIT).until(lambda each: each.execute_script(narrow))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = false")


def test_no_text_of_the_data_became_markup(browser):
    assert browser.execute_script("return document.querySelectorAll('main img, main b, svg a').length") == 0
    names = browser.execute_script(
        "return [...document.querySelectorAll('#series .ytick text')].map((each) => each.textContent)"
    )
    assert any(name.startswith("<script>") for name in names)
