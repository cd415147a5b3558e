"""An item manager's day in Chromium, from signing in to the export; and the way to hand over and back by keyboard alone."""

import csv
import io
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import FilePayload

from tests.e2e.served import Served
from tests.system.browser import DESK, PHONE, Browser, opened, running_chromium
from tests.system.market import PASSWORD, client_of, register_item, request_rental, running_market

MANAGER, OTHER, RENTER = "manager@example.com", "manager2@example.com", "renter2@example.com"
_SEOUL = ZoneInfo("Asia/Seoul")
_ORIENTATION = 0x0112
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_IS_FOCUS_SEEN = """() => {
const element = document.activeElement
const style = getComputedStyle(element)
const box = element.getBoundingClientRect()
const isInside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth && box.width > 0
return isInside && (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none')
}"""
_FOCUSED = "document.activeElement.outerHTML.slice(0, 200)"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running_market(tmp_path_factory.mktemp("market")) as served:
        yield served


@pytest.fixture(
    params=[
        ("ko", PHONE),
        ("en", DESK),
        pytest.param(("en", PHONE), marks=pytest.mark.nightly),
        pytest.param(("ko", DESK), marks=pytest.mark.nightly),
    ],
    ids=lambda param: f"{param[0]}-{param[1][0]}",
)
def desk(chromium: Chromium, market: Served, request: pytest.FixtureRequest) -> Iterator[Browser]:
    language, size = request.param
    with opened(chromium, f"http://127.0.0.1:{market.port}", language=language, size=size) as window:
        yield window
        assert window.faults() == []


def photo_of_a_phone() -> FilePayload:
    """Return an upright photo as phones write it: lying on its side, with the turn in its EXIF."""
    turned = Image.Exif()
    turned[_ORIENTATION] = 6
    file = io.BytesIO()
    Image.new("RGB", (640, 480), "seagreen").save(file, "JPEG", exif=turned)
    return {"name": "IMG_0412.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def id_in(path: str) -> str:
    found = _ID.search(path)
    assert found, path
    return found[0]


def press(desk: Browser, command: str) -> None:
    """Choose a command of the rental's page, and confirm it where that is asked."""
    with desk.page.expect_navigation():
        desk.page.locator(f"form[action$='/{command}/'] button, a[href$='/{command}/']").first.click()
    if desk.path.endswith(f"/{command}/"):
        confirm(desk)


def confirm(desk: Browser) -> None:
    assert desk.faults() == []
    desk.page.locator("#content form [type=submit]").first.click()


def wait_for_success(desk: Browser) -> None:
    desk.page.locator(".messagelist .success").first.wait_for()
    assert desk.faults() == []


def register_with_photo(desk: Browser, name: str) -> str:
    """Register an item as the form asks, add a photo, and return the item's id."""
    desk.open("/admin/items/item/add/")
    desk.fill(name=name, category=desk.say("공구", "Tools"), daily_price="3000", latitude="37.5446", longitude="127.0559", place="성수역")
    desk.page.click("[name=_save]")
    desk.page.get_by_role("link", name=name, exact=True).first.click()
    item_id = id_in(desk.path)
    desk.page.click("a[href$='/photos/']")
    desk.page.set_input_files("input[name=photo]", photo_of_a_phone())
    desk.page.click("form.photos [type=submit]")
    wait_for_success(desk)
    width, height = desk.page.eval_on_selector(
        "form.photos img", "async (image) => (await image.decode(), [image.naturalWidth, image.naturalHeight])"
    )
    assert width * 4 == height * 3  # upright
    return item_id


def see_request(desk: Browser, market: Served, item_id: str, name: str) -> str:
    """Let a renter request and pay the item while another page is open; see the news, follow them, and return the rental's id."""
    rental_id = request_rental(client_of(market, RENTER), item_id)
    desk.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    desk.page.locator("#news").wait_for()
    assert desk.page.title().startswith("(1)")
    desk.page.click("#news a")
    desk.page.get_by_role("link", name=name, exact=True).first.click()
    return rental_id


def book_walk_in(desk: Browser, item_id: str) -> str:
    """Book tomorrow for somebody at the desk who pays in cash; return the rental's id."""
    desk.open("/admin/board/?weeks=2")
    assert desk.faults() == []
    tomorrow = datetime.now(_SEOUL) + timedelta(days=2)
    link = desk.page.locator(f"a[href*='{item_id}'][href*='from={tomorrow:%Y-%m-%d}']")
    desk.page.goto(f"{desk.address}{link.first.get_attribute('href')}")
    desk.fill(renter_name="김손님", contact="010-1234-5678")
    desk.page.click("[name=step][value=book]")
    wait_for_success(desk)
    assert "김손님" in desk.text()
    return id_in(desk.path)


def block_days(desk: Browser, item_id: str) -> None:
    """Block three days of the item for a repair."""
    first = datetime.now(_SEOUL) + timedelta(days=4)
    desk.open(f"/admin/rentals/block/add/?item={item_id}&from={first:%Y-%m-%d}&to={first + timedelta(days=2):%Y-%m-%d}")
    desk.fill(reason="수리")
    confirm(desk)
    wait_for_success(desk)


def state_return(desk: Browser) -> datetime:
    """Say that the item came back a moment before it is recorded, and return that instant."""
    time.sleep(1.1)  # an instant in whole seconds that is later than the hand-over
    came_back_at = datetime.now(_SEOUL).replace(microsecond=0)
    desk.page.locator("a[href$='/take-back-late/']").click()
    desk.page.fill("[name=returned_at]", f"{came_back_at:%Y-%m-%dT%H:%M:%S}")
    confirm(desk)
    wait_for_success(desk)
    return came_back_at


def cancel(desk: Browser, *, reason: str) -> None:
    """Cancel the rental whose page is shown; it must say why afterwards."""
    desk.page.locator("a[href$='/cancel/']").click()
    desk.page.fill("[name=reason]", reason)
    confirm(desk)
    wait_for_success(desk)
    assert reason in desk.text()


def export_items(desk: Browser) -> list[str]:
    """Download the list of items as CSV, and return its cells."""
    desk.open("/admin/items/item/")
    with desk.page.expect_download() as download:
        desk.page.locator("a[href*='csv']").first.click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert desk.faults() == []
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def test_the_managers_day(desk: Browser, market: Served) -> None:
    desk.sign_in(MANAGER, PASSWORD)
    name = f"전동 드라이버 {desk.language} {desk.page.viewport_size}"
    item_id = register_with_photo(desk, name)
    rental_id = see_request(desk, market, item_id, name)
    press(desk, "hand-over")
    wait_for_success(desk)

    came_back_at = state_return(desk)
    rental = client_of(market, RENTER).call("GET", f"/api/v1/rentals/{rental_id}")[1]
    assert (rental["state"], datetime.fromisoformat(rental["returned_at"])) == ("returned", came_back_at)
    book_walk_in(desk, item_id)
    cancel(desk, reason="손님이 전화로 취소함")
    block_days(desk, item_id)
    assert name in export_items(desk)


def test_another_manager_is_kept_out(desk: Browser, market: Served) -> None:
    manager = client_of(market, MANAGER)
    item_id = register_item(manager, "남의 물건")
    rental_id = request_rental(client_of(market, RENTER), item_id)
    desk.sign_in(OTHER, PASSWORD)
    for address in (
        f"/admin/items/item/{item_id}/change/",
        f"/admin/items/item/{item_id}/photos/",
        f"/admin/items/item/{item_id}/history/",
        f"/admin/items/item/withdraw/?item={item_id}",
        f"/admin/rentals/rental/{rental_id}/change/",
        f"/admin/rentals/rental/{rental_id}/history/",
        f"/admin/rentals/rental/{rental_id}/cancel/",
        f"/admin/rentals/rental/{rental_id}/take-back-late/",
        f"/admin/rentals/rental/walk-in/?item={item_id}",
        f"/admin/rentals/block/add/?item={item_id}",
        "/admin/payments/payment/",
        "/admin/accounts/user/",
        "/admin/system/",
    ):
        answer = desk.page.goto(f"{desk.address}{address}")
        assert answer is not None
        is_form = address.startswith("/admin/rentals/block/add/")  # of the manager's own items
        assert is_form or answer.status in {403, 404} or not _ID.search(desk.path), f"{address}: {answer.status} at {desk.path}"
        assert "남의 물건" not in desk.text(), address
    desk.complaints.clear()  # of each 403 and 404
    desk.open("/admin/")
    assert "남의 물건" not in desk.text()
    assert renter_sees(market, rental_id) == "paid"


def renter_sees(market: Served, rental_id: str) -> str:
    return str(client_of(market, RENTER).call("GET", f"/api/v1/rentals/{rental_id}")[1]["state"])


def focus(desk: Browser, selector: str) -> None:
    """Press Tab until the focus is on what the selector names; it must be seen wherever it is."""
    for _step in range(120):
        desk.page.keyboard.press("Tab")
        assert desk.page.evaluate(_IS_FOCUS_SEEN), desk.page.evaluate(_FOCUSED)
        if desk.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} has no place in the order of Tab on {desk.path}")


def test_a_keyboard_alone_hands_over_and_takes_back(desk: Browser, market: Served) -> None:
    item_id = register_item(client_of(market, MANAGER), f"키보드로 {desk.language}")
    rental_id = request_rental(client_of(market, RENTER), item_id)
    desk.sign_in(MANAGER, PASSWORD)
    focus(desk, ".menu a[href='/admin/rentals/rental/']")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url("**/admin/rentals/rental/")
    focus(desk, f"#result_list th a[href*='{rental_id}']")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url(f"**/{rental_id}/change/**")
    for command, state in (("hand-over", "rented"), ("take-back", "returned")):
        focus(desk, f"form[action$='/{command}/'] button, a[href$='/{command}/']")
        with desk.page.expect_navigation():
            desk.page.keyboard.press("Enter")
        if desk.path.endswith(f"/{command}/"):
            focus(desk, "#content form [type=submit]")
            desk.page.keyboard.press("Enter")
        wait_for_success(desk)
        assert renter_sees(market, rental_id) == state
