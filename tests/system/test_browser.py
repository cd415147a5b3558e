"""The pages in Chromium: in English and Korean, from the width of a phone to that of a large screen, with a keyboard."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.served import Served
from tests.system.browser import SIZES, Browser, opened

PASSWORD = "gdmarket-demo"
MANAGERS = (
    *("/admin/", "/admin/items/item/", "/admin/items/item/add/", "/admin/items/pickupplace/", "/admin/items/pickupplace/add/"),
    "/admin/rentals/rental/",
)
OPERATORS = (
    *("/admin/", "/admin/items/item/", "/admin/rentals/rental/"),
    *("/admin/payments/payment/", "/admin/payments/refund/", "/admin/payments/posting/", "/admin/accounts/user/"),
    *("/admin/items/category/", "/admin/items/category/add/"),
)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server with the demo's data, on SQLite: pages look the same on both databases."""
    folder = tmp_path_factory.mktemp("market")
    served = Served({**os.environ, "DATABASE_URL": "", "GDMARKET_DATA_DIR": str(folder)}, folder / "output")
    family = served.family()
    yield served
    for process in family:
        if process.is_running():
            process.kill()
    psutil.wait_procs(family, timeout=20)
    served.process.wait()


@pytest.fixture(params=["en", "ko"])
def browser(market: Served, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    with opened(f"http://127.0.0.1:{market.port}", profile=tmp_path, language=request.param) as window:
        yield window


@pytest.mark.parametrize(("email", "screens"), [("manager@example.com", MANAGERS), ("operator@example.com", OPERATORS)])
def test_every_page_fits_and_labels_its_fields(browser: Browser, email: str, screens: tuple[str, ...]) -> None:
    browser.sign_in(email, PASSWORD)
    browser.open("/admin/rentals/rental/")
    rental = browser.driver.find_element(By.CSS_SELECTOR, "#result_list th a").get_attribute("href")
    for size in SIZES:
        browser.resize(size)
        for screen in (*screens, str(rental).removeprefix(browser.address)):
            browser.open(screen)
            assert browser.faults() == [], f"{screen} at {size[0]} px"


def test_a_page_says_where_one_is_and_leads_to_the_other_places_by_keyboard(browser: Browser) -> None:
    browser.sign_in("operator@example.com", PASSWORD)
    for size in SIZES:
        browser.resize(size)
        browser.open("/admin/rentals/rental/")
        assert browser.text().count("대여" if browser.language == "ko" else "Rentals") >= 2
        browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB, Keys.ENTER)
        assert browser.driver.switch_to.active_element.get_attribute("id") == "content-start"
        current = browser.driver.find_elements(By.CSS_SELECTOR, ".menu [aria-current=page]")
        assert [str(place.get_attribute("href")).removeprefix(browser.address) for place in current] == ["/admin/rentals/rental/"]


def test_a_new_request_announces_itself(browser: Browser) -> None:
    browser.sign_in("manager@example.com", PASSWORD)
    assert not browser.driver.find_element(By.ID, "news").is_displayed()
    # Today was shown a day ago, and now another page is looked at.
    browser.driver.execute_script("sessionStorage.setItem('gdmarket.seen', new Date(Date.now() - 864e5).toISOString())")
    browser.open("/admin/items/item/")
    news = browser.driver.find_element(By.ID, "news")
    browser.driver.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    WebDriverWait(browser.driver, 20).until(lambda _driver: news.is_displayed())
    assert browser.driver.title.startswith("(")
    assert ("새 요청" if browser.language == "ko" else "new request") in news.text
    assert browser.faults() == []


def test_a_manager_registers_an_item_and_withdraws_it(browser: Browser) -> None:
    name = f"전동 드라이버 {browser.language}"
    browser.sign_in("manager@example.com", PASSWORD)
    browser.open("/admin/items/item/add/")
    category = {"ko": "공구", "en": "Tools"}[browser.language]
    browser.fill(name=name, category=category, daily_price="3000", latitude="37.54", longitude="127.05", place="성수역")
    browser.driver.find_element(By.NAME, "_save").click()
    browser.driver.find_element(By.LINK_TEXT, name).click()
    browser.driver.find_element(By.CSS_SELECTOR, "a[href*='withdraw']").click()
    assert browser.faults() == []
    browser.driver.find_element(By.CSS_SELECTOR, "#content form [type=submit]").click()
    # The page before may still be shown right after the click.
    WebDriverWait(browser.driver, 20).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".messagelist .success"))
    assert name in browser.text()


def test_the_api_can_be_tried_out_without_a_network(browser: Browser) -> None:
    browser.open("/api/v1/docs")
    browser.driver.implicitly_wait(20)
    assert browser.driver.find_elements(By.CSS_SELECTOR, ".opblock")
    severe = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert severe == []


def test_a_page_with_faults_is_reported(browser: Browser) -> None:
    far = "<main><button style='position:absolute;left:2900px'>far</button></main>"
    browser.driver.get(f"data:text/html,<input><img src='data:,'><p style='width:3000px'>wide{far}")
    assert [fault.split(":")[0] for fault in browser.faults() if not fault.startswith("console")] == [
        f"{3000 + 8 - browser.width()} px wider than the window",
        *("cut off", "without a label", "without alt text", "no heading", "no title"),
    ]
