"""The pages in Chromium: in English and Korean, at the width of a desktop and of a phone, with a keyboard."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.served import Served
from tests.system.browser import DESK, PHONE, Browser, opened

PASSWORD = "gdmarket-demo"
MANAGERS = (
    *("/admin/", "/admin/items/item/", "/admin/items/item/add/", "/admin/items/pickupplace/", "/admin/items/pickupplace/add/"),
    *("/admin/rentals/rental/", "/admin/status_view/itemstatus/"),
)
OPERATORS = (
    *("/admin/", "/admin/items/item/", "/admin/rentals/rental/", "/admin/status_view/rentalstatus/"),
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
    for size in (DESK, PHONE):
        browser.resize(size)
        for screen in screens:
            browser.open(screen)
            assert browser.faults() == [], f"{screen} at {size[0]} px"


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
    browser.driver.get("data:text/html,<input><img src='data:,'><p style='width:3000px'>wide")
    assert [fault.split(":")[0] for fault in browser.faults() if not fault.startswith("console")] == [
        *(f"{3000 + 8 - browser.width()} px wider than the window", "without a label", "without alt text", "no heading", "no title"),
    ]
