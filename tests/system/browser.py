"""A headless Chromium, and checks of the pages it shows."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 20.0
PHONE, DESK = (390, 844), (1280, 900)
SIZES = (PHONE, (768, 1024), (1024, 768), DESK, (1920, 1080))
# In Chromium a window is never narrower than 500 px: the page's own width is set by its debugger.
_METRICS = "Emulation.setDeviceMetricsOverride"
_WITHOUT_LABEL = """
const isLabelled = e => e.labels?.length || e.ariaLabel || e.getAttribute('aria-labelledby') || e.title || e.type == 'submit' && e.value
const fields = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
return fields.filter(e => e.offsetParent && !isLabelled(e)).map(e => e.outerHTML)
"""
_OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What cannot be reached without scrolling sideways, in a table that scrolls by itself as well.
_CUT_OFF = """
const commands = [...document.querySelectorAll('main button, main a.button, main [type=submit], .menu a')].filter(e => e.offsetParent)
const isCut = box => box.left < 0 || box.right > document.documentElement.clientWidth
return commands.filter(e => isCut(e.getBoundingClientRect())).map(e => e.outerHTML)
"""
_WITHOUT_ALT = "return [...document.images].filter(image => !image.hasAttribute('alt')).map(image => image.outerHTML)"


class ProgramMissingError(RuntimeError):
    """A program that pip does not bring is missing."""


class Browser:
    """One window, in one language."""

    def __init__(self, driver: webdriver.Chrome, address: str, language: str) -> None:
        self.driver, self.address, self.language = driver, address, language

    def open(self, path: str) -> None:
        """Go to a path of the server."""
        self.driver.get(f"{self.address}{path}")

    def resize(self, size: tuple[int, int]) -> None:
        """Give the page this width and height."""
        width, height = size
        self.driver.execute_cdp_cmd(_METRICS, {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE})

    def sign_in(self, email: str, password: str) -> None:
        """Sign in by keyboard alone: the first field has the focus."""
        self.open("/admin/login/?next=/admin/")
        self.driver.switch_to.active_element.send_keys(email, Keys.TAB, password, Keys.ENTER)
        WebDriverWait(self.driver, PATIENCE_S).until(lambda driver: driver.current_url.endswith("/admin/"))

    def fill(self, **values: str) -> None:
        """Fill in fields, by their names."""
        for name, value in values.items():
            field = self.driver.find_element(By.NAME, name)
            if field.tag_name != "select":
                field.clear()
            field.send_keys(value)

    def width(self) -> int:
        """Return the width of the viewport, in px."""
        return int(self.driver.execute_script("return document.documentElement.clientWidth"))

    def text(self) -> str:
        """Return the page's text."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def faults(self) -> list[str]:
        """Return what is wrong with the page: console errors, overflow, commands cut off, fields without a label, images without text."""
        found = [f"console: {line['message']}" for line in self.driver.get_log("browser") if line["level"] in {"SEVERE", "WARNING"}]
        overflow_px = self.driver.execute_script(_OVERFLOW)
        if overflow_px > 0:
            found.append(f"{overflow_px} px wider than the window")
        found += [f"cut off: {command}" for command in self.driver.execute_script(_CUT_OFF)]
        found += [f"without a label: {field}" for field in self.driver.execute_script(_WITHOUT_LABEL)]
        found += [f"without alt text: {image}" for image in self.driver.execute_script(_WITHOUT_ALT)]
        headings = [heading for heading in self.driver.find_elements(By.TAG_NAME, "h1") if heading.text.strip()]
        if not headings:
            found.append("no heading")
        if not self.driver.title:
            found.append("no title")
        return found


@contextmanager
def opened(address: str, *, profile: Path, language: str) -> Iterator[Browser]:
    """Open a browser that prefers `language`, with an empty profile.

    :raises ProgramMissingError: if Chromium or its driver is not installed
    """
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not chromium or not driver:
        raise ProgramMissingError("Chromium is needed: apt-get install chromium chromium-driver fonts-nanum")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    quiet = ("background-networking", "component-update", "sync", "gpu", "quic", "dev-shm-usage")
    for flag in (
        "headless=new",
        "no-sandbox",
        "no-first-run",
        f"user-data-dir={profile}",
        f"lang={language}",
        *(f"disable-{what}" for what in quiet),
    ):
        options.add_argument(f"--{flag}")
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(window, address, language)
    finally:
        window.quit()
