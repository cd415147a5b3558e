"""`python -m tests.system.pictures`: take the pictures of the guide and of the README anew, into docs/images."""

import io
import secrets
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from PIL import Image

from tests.e2e.served import ROOT, Served
from tests.system.browser import PHONE, Browser, opened, running_chromium
from tests.system.market import PASSWORD, client_of, request_rental, running_market

_FOLDER = ROOT / "docs" / "images"
_MANAGER = "manager2@example.com"  # of whose rentals one is overdue
_MOST_BYTES = 60_000
_QUALITIES = (86, 78, 70, 60, 50)


def take(desk: Browser, name: str) -> None:
    """Keep what the window shows as `name`, in the best quality that is small enough."""
    desk.page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(desk.page.screenshot(animations="disabled")))
    written = next(file for quality in _QUALITIES if len(file := _webp(picture, quality)) <= _MOST_BYTES or quality == _QUALITIES[-1])
    path = _FOLDER / f"{name}.{desk.language}.webp"
    path.write_bytes(written)
    sys.stdout.write(f"{path.relative_to(ROOT)}: {len(written)} bytes\n")


def _webp(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "WEBP", quality=quality, method=6)
    return file.getvalue()


def follow(desk: Browser, selector: str) -> None:
    """Open what the first such link leads to."""
    with desk.page.expect_navigation():
        desk.page.locator(selector).first.click()


def take_all(desk: Browser) -> None:
    """Take the pictures of a large screen."""
    desk.sign_in(_MANAGER, PASSWORD)
    take(desk, "today")
    desk.open("/admin/board/?weeks=2")
    take(desk, "board")
    desk.open("/admin/rentals/rental/?state__exact=rented")
    follow(desk, "#result_list tbody a[href*='/change/']")
    take(desk, "rental")
    desk.open("/admin/items/item/?availability__exact=rented")
    follow(desk, "#result_list tbody a[href*='/change/']")
    take(desk, "item")
    desk.open("/admin/income/")
    take(desk, "income")


def rent_more(market: Served) -> None:
    """Give the board what a good week has: rentals of several days, some from now on, and some of those with their renters."""
    manager = client_of(market, _MANAGER)
    renters = [client_of(market, f"renter{number}@example.com") for number in ("", 2, 3)]
    _status, page = renters[0].call("GET", "/api/v1/items?availability=available&limit=40")
    for number, item in enumerate(page["results"]):
        starts_in = timedelta(days=number % 6, hours=1) if number % 6 else timedelta()
        rental_id = request_rental(renters[number % 3], item["id"], starts_in=starts_in, lasting=timedelta(days=1 + number % 3))
        if number % 6 == 0 and number % 4 == 0:
            manager.call("POST", f"/api/v1/rentals/{rental_id}/handover")  # refused for another manager's


def main() -> None:
    """Take each picture in Korean and English."""
    settings = {"GDMARKET_SECRET_KEY": secrets.token_urlsafe(48)}
    with tempfile.TemporaryDirectory() as folder, running_market(Path(folder), **settings) as market, running_chromium() as chromium:
        rent_more(market)
        address = f"http://127.0.0.1:{market.port}"
        for language in ("ko", "en"):
            with opened(chromium, address, language=language, size=(1280, 1000)) as desk:
                take_all(desk)
            with opened(chromium, address, language=language, size=PHONE, device_scale_factor=1) as phone:
                phone.sign_in(_MANAGER, PASSWORD)
                take(phone, "today-phone")
                phone.open("/admin/board/?weeks=2")
                take(phone, "board-phone")


if __name__ == "__main__":
    main()
