"""The admin's languages, and what its pages hold."""

import pytest
from django.test import Client

from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


def test_a_korean_browser_is_spoken_to_in_korean() -> None:
    page = Client(headers={"accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}).get("/admin/login/").content.decode()
    assert '<html lang="ko"' in page
    assert "근대마켓" in page


def test_the_language_is_switched_before_and_after_signing_in() -> None:
    client = Client(headers={"accept-language": "ko"})
    address = "/admin/login/?next=/admin/items/item/"
    page = client.get(address).content.decode()
    assert '<button type="submit" name="language" value="ko" lang="ko" aria-current="true">한국어</button>' in page
    switched = client.post("/i18n/setlang/", {"language": "en", "next": address})
    assert (switched.status_code, switched["Location"]) == (302, address)
    assert "Lend and rent in the neighbourhood" in client.get(address).content.decode()
    client.force_login(UserFactory(item_manager=True))
    assert '<html lang="en"' in client.get("/admin/").content.decode()
    client.post("/i18n/setlang/", {"language": "ko", "next": "/admin/"})
    assert "첫 대여까지 세 단계" in client.get("/admin/").content.decode()


def test_pages_hold_no_style_or_script_of_their_own() -> None:
    """What the content security policy would refuse."""
    client = Client()
    client.force_login(UserFactory(item_manager=True))
    for address in ("/admin/", "/admin/items/item/add/", "/admin/rentals/rental/", "/admin/items/item/"):
        answer = client.get(address)
        page = answer.content.decode()
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert not [mark for mark in (" style=", "<style", "onclick=", "<script>") if mark in page], address


@pytest.mark.parametrize(("address", "status"), [("/nowhere", 404), ("/admin/accounts/user/", 403)])
def test_a_refusal_is_a_page_in_the_readers_language(address: str, status: int) -> None:
    client = Client(headers={"accept-language": "ko", "accept": "text/html"})
    client.force_login(UserFactory(item_manager=True))
    answer = client.get(address)
    assert answer.status_code == status
    assert "시작 화면으로" in answer.content.decode()
