"""The pages in Chromium: in English and Korean, from the width of a phone to that of a large screen, light and dark."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error

from tests.e2e.served import Served
from tests.system.accessibility import list_barriers
from tests.system.browser import PATIENCE_MS, PHONE, SIZES, Browser, Theme, opened, running_chromium
from tests.system.market import PASSWORD, fill_with_rows, running_market

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_LINKS = "links => links.map((link) => link.getAttribute('href'))"
_LEAST_PAGES = 14  # less is a walk that got lost


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running_market(tmp_path_factory.mktemp("market")) as served:
        fill_with_rows(served, items=110)
        yield served


@pytest.fixture(params=["en", "ko"])
def browser(chromium: Chromium, market: Served, request: pytest.FixtureRequest) -> Iterator[Browser]:
    with opened(chromium, f"http://127.0.0.1:{market.port}", language=request.param) as window:
        yield window


def walk(browser: Browser, *, pages_of_a_kind: int) -> Iterator[str]:
    """Open each page of the desk that links lead to, from Today on; yield its path."""
    waiting, seen = ["/admin/"], {"/admin/": 1}
    while waiting:
        path = waiting.pop(0)
        try:
            browser.open(path)
        except Error as error:
            if "Download is starting" not in str(error):
                raise
            continue
        kind = _ID.sub("*", urlsplit(browser.path).path)
        if path.partition("?")[0] != urlsplit(browser.path).path and kind in seen:
            continue  # it led to a page that has its turn
        for link in browser.page.eval_on_selector_all("a[href]:not([download])", "links => links.map((link) => link.href)"):
            place = urlsplit(str(link))
            kind = _ID.sub("*", place.path)
            if place.netloc == urlsplit(browser.address).netloc and kind.startswith("/admin/") and seen.get(kind, 0) < pages_of_a_kind:
                seen[kind] = seen.get(kind, 0) + 1
                waiting.append(f"{place.path}?{place.query}" if place.query else place.path)
        yield path


def faults_of_each_page(browser: Browser, *, email: str, sizes_for_axe: tuple[tuple[int, int], ...], pages_of_a_kind: int) -> list[str]:
    """Return a line for each fault of each page at each width."""
    browser.sign_in(email, PASSWORD)
    found, opened_pages = [], 0
    for path in walk(browser, pages_of_a_kind=pages_of_a_kind):
        opened_pages += 1
        for size in SIZES:
            browser.resize(size)
            found += [f"{path} at {size[0]} px: {fault}" for fault in browser.faults()]
        for size in sizes_for_axe:
            browser.resize(size)
            found += [f"{path} at {size[0]} px: {barrier}" for barrier in list_barriers(browser.page)]
        browser.complaints.clear()  # axe writes a style of its own
    assert opened_pages >= _LEAST_PAGES
    return found


def test_every_page_of_a_manager_fits_and_bars_nobody(chromium: Chromium, market: Served) -> None:
    with opened(chromium, f"http://127.0.0.1:{market.port}", language="ko", theme="dark") as browser:
        assert faults_of_each_page(browser, email="manager@example.com", sizes_for_axe=(PHONE,), pages_of_a_kind=1) == []


def test_every_page_of_an_operator_fits(chromium: Chromium, market: Served) -> None:
    with opened(chromium, f"http://127.0.0.1:{market.port}", language="en") as browser:
        assert faults_of_each_page(browser, email="operator@example.com", sizes_for_axe=(), pages_of_a_kind=1) == []


@pytest.mark.nightly
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("email", ["manager@example.com", "operator@example.com"])
def test_pages_of_all_states_fit_and_bar_nobody(chromium: Chromium, market: Served, email: str, language: str, theme: Theme) -> None:
    with opened(chromium, f"http://127.0.0.1:{market.port}", language=language, theme=theme) as browser:
        assert faults_of_each_page(browser, email=email, sizes_for_axe=(PHONE, SIZES[3]), pages_of_a_kind=4) == []


def test_a_page_says_where_one_is_and_leads_to_the_other_places_by_keyboard(browser: Browser) -> None:
    browser.sign_in("operator@example.com", PASSWORD)
    for size in SIZES:
        browser.resize(size)
        browser.open("/admin/rentals/rental/")
        assert browser.text().count(browser.say("대여", "Rentals")) >= 2
        browser.page.keyboard.press("Tab")
        browser.page.keyboard.press("Enter")
        assert browser.page.evaluate("document.activeElement.id") == "content-start"
        assert browser.page.eval_on_selector_all(".menu [aria-current=page]", _LINKS) == ["/admin/rentals/rental/"]


def test_a_new_request_announces_itself(browser: Browser) -> None:
    browser.sign_in("manager@example.com", PASSWORD)
    news = browser.page.locator("#news")
    assert not news.is_visible()
    # Today was shown a day ago, and now another page is looked at.
    browser.page.evaluate("sessionStorage.setItem('gdmarket.seen', new Date(Date.now() - 864e5).toISOString())")
    browser.open("/admin/items/item/")
    browser.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    news.wait_for()
    assert browser.page.title().startswith("(")
    assert browser.say("새 요청", "new request") in news.inner_text()
    assert browser.faults() == []


def test_a_manager_registers_an_item_and_withdraws_it(browser: Browser) -> None:
    name = f"전동 드라이버 {browser.language}"
    browser.sign_in("manager@example.com", PASSWORD)
    browser.open("/admin/items/item/add/")
    category = browser.say("공구", "Tools")
    browser.fill(name=name, category=category, daily_price="3000", latitude="37.54", longitude="127.05", place="성수역")
    browser.page.click("[name=_save]")
    browser.page.get_by_role("link", name=name, exact=True).first.click()
    browser.page.click("a[href*='withdraw']")
    assert browser.faults() == []
    browser.page.click("#content form [type=submit]")
    browser.page.locator(".messagelist .success").wait_for()
    assert name in browser.text()


def test_the_api_can_be_tried_out_without_a_network(browser: Browser) -> None:
    browser.open("/api/v1/docs")
    browser.page.locator(".opblock").first.wait_for(timeout=PATIENCE_MS)
    assert [complaint for complaint in browser.complaints if "warn" not in complaint.lower()] == []


def test_a_page_with_faults_is_reported(browser: Browser) -> None:
    far = "<main><button style='position:absolute;left:2900px;height:24px'>far</button><a class=button>low</a></main>"
    browser.page.goto(f"data:text/html,<input><img src='data:,'><p style='width:3000px'>wide{far}")
    width = browser.page.evaluate("document.documentElement.clientWidth")
    assert [fault.split(":")[0] for fault in browser.faults() if not fault.startswith("console")] == [
        f"{3000 + 8 - width} px wider than the window",
        *("cut off", "too low to be pressed", "without a label", "without alt text", "no heading", "no title"),
    ]


def test_text_that_cannot_be_read_is_reported(browser: Browser) -> None:
    shaded = "<p style='background:linear-gradient(%23fff,%23333)'>라</p>"
    faint = f"<p style='color:%23ddd'>다</p>{shaded}<svg><text y='20' fill='%23ddd'>12월</text></svg>"
    clear = "<p style='background:linear-gradient(%23fff,%23eee)'>나</p>"
    browser.page.goto(
        f"data:text/html;charset=utf-8,<html lang=ko><title>가</title><main style='background:white'><h1>제목</h1>{faint}{clear}"
    )
    barriers = list_barriers(browser.page)
    assert all("contrast" in barrier for barrier in barriers)
    assert sorted(text for barrier in barriers for text in ("가", "나", "다", "라", "12월") if text in barrier) == ["12월", "다", "라"]
