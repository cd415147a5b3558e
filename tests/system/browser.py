"""A headless Chromium, and checks of the pages it shows."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Locator, Page, sync_playwright

PATIENCE_MS = 20_000
PHONE, DESK = (390, 844), (1280, 900)
SIZES = (PHONE, (768, 1024), (1024, 768), DESK, (1920, 1080))
Theme = Literal["light", "dark"]
# Without these it asks its maker for updates, models and lists, in every start.
_QUIET = (
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-dev-shm-usage"),
    *("--disable-gpu", "--no-first-run", "--disable-default-apps", "--disable-domain-reliability", "--no-pings"),
    "--disable-features=OptimizationHints,MediaRouter,Translate",
)
_TELL_VIOLATIONS = "addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"
# What is wrong with a page. What cannot be reached without scrolling sideways is cut off, in a table that scrolls by itself as well.
_FAULTS = """() => {
const width = document.documentElement.clientWidth
const seen = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.offsetParent)
const shown = (name, elements) => elements.map((e) => `${name}: ${e.outerHTML.slice(0, 300)}`)
const isCut = (box) => box.left < 0 || box.right > width
const isLabelled = (e) => e.labels?.length || e.ariaLabel || e.getAttribute('aria-labelledby') || e.title || e.type === 'submit' && e.value
const commands = seen('main button, main a.button, main [type=submit], main .object-tools a, .menu a')
const buttons = seen('main button, main a.button, main [type=submit]').filter((e) => !e.matches('.visually-hidden'))
const overflow = document.documentElement.scrollWidth - width
return [
  ...(overflow > 0 ? [`${overflow} px wider than the window`] : []),
  ...shown('cut off', commands.filter((e) => isCut(e.getBoundingClientRect()))),
  ...shown('too low to be pressed', buttons.filter((e) => e.getBoundingClientRect().height < 24)), // WCAG 2.5.8
  ...shown('without a label', seen('input:not([type=hidden]), select, textarea').filter((e) => !isLabelled(e))),
  ...shown('without alt text', [...document.images].filter((e) => !e.hasAttribute('alt'))),
  ...(seen('h1').some((e) => e.innerText.trim()) ? [] : ['no heading']),
  ...(document.title ? [] : ['no title']),
]
}"""


class ProgramMissingError(RuntimeError):
    """A program that pip does not bring is missing."""


class Browser:
    """One window, in one language, that keeps what its pages complain of."""

    def __init__(self, page: Page, address: str, language: str) -> None:
        self.page, self.address, self.language = page, address, language
        self.complaints: list[str] = []
        page.on("console", lambda line: self._complain(f"console: {line.text}", when=line.type in {"error", "warning"}))
        page.on("pageerror", lambda error: self._complain(f"script: {error}"))
        page.on("request", lambda request: self._complain(f"asks elsewhere: {request.url}", when=self._is_elsewhere(request.url)))

    def open(self, path: str) -> None:
        """Go to a path of the server."""
        self.page.goto(f"{self.address}{path}")

    @property
    def path(self) -> str:
        """Return where the window is, without the server."""
        return self.page.url.removeprefix(self.address)

    def resize(self, size: tuple[int, int]) -> None:
        """Give the page this width and height."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def say(self, ko: str, en: str) -> str:
        """Return a text of the pages in this window's language."""
        return ko if self.language == "ko" else en

    def sign_in(self, email: str, password: str) -> None:
        """Sign in by keyboard alone: the first field has the focus."""
        self.open("/admin/login/?next=/admin/")
        self.page.locator("[name=username]:focus").wait_for()  # which may come after the page's load
        self.page.keyboard.type(email)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}/admin/")

    def fill(self, **values: str) -> None:
        """Fill in fields, by their names; a select by what it shows."""
        for name, value in values.items():
            field = self.field(name)
            if field.evaluate("e => e.tagName") == "SELECT":
                field.select_option(label=value)
            else:
                field.fill(value)

    def field(self, name: str) -> Locator:
        """Return the field with this name."""
        return self.page.locator(f"[name={name}]")

    def text(self) -> str:
        """Return the page's text."""
        return self.page.inner_text("body")

    def faults(self) -> list[str]:
        """Return what is wrong with the page, and what it complained of since it was asked last.

        Console errors, overflow, commands cut off, fields without a label, images without text.
        """
        complaints, self.complaints = self.complaints, []
        self.page.wait_for_function("document.readyState === 'complete'")  # it may just be leaving for another
        found: list[str] = self.page.evaluate(_FAULTS)
        return complaints + found

    def _complain(self, what: str, *, when: bool = True) -> None:
        if when:
            self.complaints.append(what)

    def _is_elsewhere(self, url: str) -> bool:
        return urlsplit(url).scheme in {"http", "https", "ws", "wss"} and not url.startswith(f"{self.address}/")


@contextmanager
def running_chromium() -> Iterator[Chromium]:
    """Run Chromium, without a window, for the length of the block.

    Playwright's loop runs in this thread meanwhile, so Django's database cannot be used in it.

    :raises ProgramMissingError: if Chromium is not installed
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        raise ProgramMissingError("Chromium is needed: apt-get install chromium fonts-nanum")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_QUIET, chromium_sandbox=os.geteuid() != 0)
        yield chromium
        chromium.close()


@contextmanager
def opened(
    chromium: Chromium, address: str, *, language: str, size: tuple[int, int] = DESK, theme: Theme = "light", **more: Any
) -> Iterator[Browser]:
    """Open a window that prefers `language`, with cookies of its own; `more` is for its context."""
    width, height = size
    context = chromium.new_context(
        locale=language,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        timezone_id="Asia/Seoul",
        has_touch=size == PHONE,
        **more,
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(_TELL_VIOLATIONS)
    try:
        yield Browser(context.new_page(), address, language)
    finally:
        context.close()
