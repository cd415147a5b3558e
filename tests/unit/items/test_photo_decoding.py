"""What becomes of the files that phones, scanners and attackers send."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from apps.items.errors import NotAPictureError, PhotoTooLargeError
from apps.items.photos import making
from tests.factories import pictures


def made(raw: bytes) -> Image.Image:
    """Return the large picture that is made of a file, decoded."""
    return Image.open(BytesIO(making.make_pictures(raw=raw).large))


def is_close(seen: list[Any], wanted: list[Any], *, within: int = 6) -> bool:
    return all(abs(a - b) <= within for one, other in zip(seen, wanted, strict=True) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", ["jpeg", "mpo", "gain_map_jpeg", "png", "avif", "heic", "polyglot", "turned_by_xmp_jpeg"])
def test_what_phones_write_becomes_webp_as_it_looks(kind: str) -> None:
    picture = made(getattr(pictures, kind)())
    assert (picture.format, picture.mode, picture.size) == ("WEBP", "RGB", (400, 300))
    assert is_close(pictures.corners_of(picture), list(pictures.CORNERS))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_upright_however_the_camera_was_held(orientation: int) -> None:
    picture = made(pictures.turned_jpeg(orientation))
    assert picture.size == (400, 300)
    assert is_close(pictures.corners_of(picture), list(pictures.CORNERS))


def test_files_that_lie_on_their_side_are_tests_of_that() -> None:
    lying = Image.open(BytesIO(pictures.turned_jpeg(6)))
    assert lying.size == (300, 400)
    assert Image.open(BytesIO(pictures.mpo())).format == "MPO"
    assert b"hdrgm:Version" in pictures.gain_map_jpeg()


def test_nothing_is_left_of_where_when_and_by_whom() -> None:
    sent = pictures.private_jpeg()
    assert sent.count(b"Secret") == 3
    photo = making.make_pictures(raw=sent)
    for content in (photo.large, photo.small):
        assert not any(word in content for word in (b"Secret", b"EXIF", b"Exif", b"XMP", b"ICCP"))
        assert not {"exif", "xmp", "icc_profile"} & Image.open(BytesIO(content)).info.keys()


def test_display_p3_keeps_its_colours() -> None:
    # Display P3 (200, 100, 50) is sRGB (214, 96, 35): computed from both spaces' primaries by hand.
    picture = made(pictures.display_p3_jpeg((200, 100, 50)))
    assert is_close(pictures.corners_of(picture), [(214, 96, 35)] * 4)


def test_16_bits_of_grey_are_grey() -> None:
    assert is_close(pictures.corners_of(made(pictures.grey_16_png())), [(128, 128, 128)] * 4)


@pytest.mark.parametrize(
    ("kind", "colours"),
    [
        ("palette_png", [pictures.WHITE, pictures.BLUE, pictures.WHITE, pictures.BLUE]),
        ("webp", [pictures.RED, pictures.WHITE, pictures.BLUE, pictures.WHITE]),
    ],
)
def test_what_shines_through_is_white(kind: str, colours: list[Any]) -> None:
    assert is_close(pictures.corners_of(made(getattr(pictures, kind)())), colours)


def test_200_megapixels_become_two_pictures() -> None:
    photo = making.make_pictures(raw=pictures.large_jpeg(width=16_320, height=12_240))
    assert (photo.width, photo.height) == (1280, 960)
    assert Image.open(BytesIO(photo.small)).size == (320, 240)


def test_a_large_heic_becomes_two_pictures() -> None:
    photo = making.make_pictures(raw=pictures.heic(pictures.scene(width=4032, height=3024)))
    assert (photo.width, photo.height) == (1280, 960)
    assert is_close(pictures.corners_of(Image.open(BytesIO(photo.large))), list(pictures.CORNERS))


def test_a_small_picture_stays_small() -> None:
    photo = making.make_pictures(raw=pictures.png(pictures.scene(width=20, height=10)))
    assert (photo.width, photo.height) == (20, 10)
    assert photo.large == photo.small


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_may_lack_its_end(missing: int) -> None:
    picture = made(pictures.jpeg()[:-missing])
    assert is_close(pictures.corners_of(picture), list(pictures.CORNERS))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xd8\xff",
        pictures.html_named_jpg(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        pictures.jpeg()[:2_000],
        pictures.png()[:500],
        pictures.heic()[:1_000],
        pictures.png_of(width=7_000, height=7_000),
    ],
    ids=["nothing", "three bytes", "html", "svg", "gif", "half a jpeg", "half a png", "half a heic", "a png that lacks its pixels"],
)
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    with pytest.raises(NotAPictureError):
        making.make_pictures(raw=raw)


@pytest.mark.parametrize(
    "raw",
    [
        pictures.png_of(width=30_000, height=30_000),
        pictures.png_of(width=7_100, height=7_100),
        pictures.large_jpeg(width=15_000, height=14_001),
        b"\xff\xd8\xff" + bytes(25 * 2**20),
    ],
    ids=["bomb", "51 megapixels", "more than 210 megapixels", "more than 25 MiB"],
)
def test_what_is_too_large_is_refused(raw: bytes) -> None:
    with pytest.raises(PhotoTooLargeError):
        making.make_pictures(raw=raw)


def test_a_decoder_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = pictures.png(Image.new("RGB", (7_000, 7_000)))
    assert making.make_pictures(raw=raw).width == 1280
    monkeypatch.setattr(making, "MEMORY", 200 * 2**20)
    with pytest.raises(PhotoTooLargeError):
        making.make_pictures(raw=raw)


def test_the_same_photo_has_the_same_name_and_another_has_another() -> None:
    first, again, other = (making.make_pictures(raw=pictures.jpeg(comment=comment)) for comment in (b"1", b"2", b"3"))
    assert first.file == again.file == other.file
    assert making.make_pictures(raw=pictures.png(pictures.scene(width=30))).file != first.file
