"""The HTML page in a real browser: no network requests, working tables, drawn figures."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from bench.report.blocks import Figure
from bench.report.formats.html import html
from tests.bench.report.example_run import EVIL, example_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no browser: chromium and chromedriver are not installed"
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, int]]:
    """A browser with the page open, and the number of figures on the page."""
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("page")
    page = example_report().page
    drawn = sum(isinstance(block, Figure) for block in page.blocks)
    (folder / "report.html").write_text(html(page), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        browser.get((folder / "report.html").as_uri())
        ready = """
          return document.querySelectorAll(".chart svg.marks").length === arguments[0]
            && document.querySelector(".dt-container") !== null;
        """
        wait(browser, lambda: browser.execute_script(ready, drawn))
        yield browser, drawn
    finally:
        browser.quit()


def wait(browser: Any, condition: Callable[[], object]) -> None:
    """Wait until the condition holds, since a page updates asynchronously."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 60).until(lambda _: condition())


def column(browser: Any, table: int, place: int) -> list[str]:
    script = """
      const table = document.querySelectorAll("table.data")[arguments[0]];
      return [...table.tBodies[0].rows].map(row => row.cells[arguments[1]].textContent);
    """
    return list(browser.execute_script(script, table, place))


def test_no_errors_and_no_network_requests(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert urls and all(url.startswith(("file:", "data:", "blob:")) for url in urls)


def test_every_figure_is_drawn(opened: tuple[Any, int]) -> None:
    browser, drawn = opened
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('.chart svg.marks')].map(svg => svg.getBoundingClientRect().width)"
    )
    assert len(sizes) == drawn == 7 and all(size > 200 for size in sizes)


def test_module_named_like_a_script_stays_text(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    assert browser.title == "Every measure"
    assert EVIL in browser.find_element("tag name", "body").text


def test_tables_sort_by_number_with_the_keyboard(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    headings = browser.find_elements("css selector", "table.data")[0].find_elements("css selector", "th")
    [latency] = (place for place, heading in enumerate(headings) if heading.text.startswith("latency"))
    button = headings[latency].find_element("css selector", "[role=button]")
    button.send_keys(Keys.ENTER)

    timed = ["plain", "SE", "SimAM", EVIL]
    wait(browser, lambda: column(browser, 0, 0)[:4] == timed)
    button.send_keys(Keys.ENTER)
    wait(browser, lambda: column(browser, 0, 0)[:4] == timed[::-1])
    assert set(column(browser, 0, latency)[4:]) == {"–"}  # cells without a number come last in both directions


def test_picker_filters_by_the_limit(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    form = browser.find_element("css selector", ".picker")
    limit, answer = form.find_element("css selector", "input"), form.find_element("css selector", "output")
    rows = "return [...document.querySelectorAll('.picker + .wide tbody tr')].filter(row => row.offsetParent).length"
    # SimAM takes 10.5 ms and has 91.1 %, SE 10.4 ms and 90.6 %, plain 10 ms and 90 %.
    assert answer.text.startswith("highest top-1: SimAM") and browser.execute_script(rows) == 4
    limit.send_keys("10450 us")
    wait(browser, lambda: answer.text.startswith("highest top-1: SE"))
    assert browser.execute_script(rows) == 2
    limit.send_keys(Keys.CONTROL, "a")
    limit.send_keys("1")
    wait(browser, lambda: answer.text == "no variant is within this limit")
    limit.send_keys(Keys.BACKSPACE)
    wait(browser, lambda: browser.execute_script(rows) == 4)


def test_columns_can_be_hidden(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    table = browser.find_elements("css selector", "table.data")[0]
    before = len(table.find_elements("css selector", "th"))
    browser.find_elements("css selector", ".dt-buttons button")[0].click()
    wait(browser, lambda: browser.find_elements("css selector", ".dt-button-collection button"))
    toggle = "document.querySelectorAll('.dt-button-collection button')[1].click()"
    browser.execute_script(toggle)
    wait(browser, lambda: len(table.find_elements("css selector", "th")) == before - 1)
    browser.execute_script(toggle)
    wait(browser, lambda: len(table.find_elements("css selector", "th")) == before)
    browser.find_element("tag name", "body").send_keys(Keys.ESCAPE)
    assert before > 5  # a table with fewer columns has no button


def test_contents_link_to_their_headings(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    links = browser.find_elements("css selector", "nav a")
    targets = [link.get_attribute("href").rpartition("#")[2] for link in links]
    script = "return arguments[0].map(id => document.getElementById(decodeURIComponent(id)) !== null)"
    assert len(targets) > 3 and all(browser.execute_script(script, targets))


def test_filter_keeps_matching_rows(opened: tuple[Any, int]) -> None:
    browser, _ = opened
    field = browser.find_elements("css selector", ".dt-search input")[0]
    field.send_keys("SimAM")
    wait(browser, lambda: "SE" not in column(browser, 0, 0))
    assert set(column(browser, 0, 0)) == {"SimAM", "SimAM (e_lambda=0.1)", "SimAM (e_lambda=0.01)"}
    field.clear()


def test_page_is_smaller_than_6_megabytes(tmp_path: Path) -> None:
    assert len(html(example_report().page).encode()) < 6_000_000
