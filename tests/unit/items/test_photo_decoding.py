"""What becomes of the files that phones, scanners and attackers send."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from apps.items.errors import NotAPictureError, PhotosBusyError, PhotoTooLargeError
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


@pytest.mark.parametrize("kind", ["png", "avif", "heic"])
def test_display_p3_without_a_profile_keeps_its_colours(kind: str) -> None:
    sent = getattr(pictures, f"display_p3_{kind}")
    assert is_close(pictures.corners_of(made(sent((200, 100, 50)))), [(214, 96, 35)] * 4)
    # Of HDR (PQ), which is not converted, the numbers stay.
    assert is_close(pictures.corners_of(made(sent((200, 100, 50), transfer=16))), [(200, 100, 50)] * 4)


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


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_has_20_megapixels_at_most(lossless: bool) -> None:
    largest, larger = (pictures.webp_of(width=5_000, height=height, lossless=lossless) for height in (4_000, 4_001))
    assert making.make_pictures(raw=largest).width == 1280
    with pytest.raises(PhotoTooLargeError):
        making.make_pictures(raw=larger)


@pytest.fixture
def decode_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put another program in the decoder's place."""

    def put(program: str) -> None:
        path = tmp_path / "decoder.py"
        path.write_text(f"import os, signal, sys, time\nsys.stdin.buffer.read()\n{program}")
        monkeypatch.setattr(making, "_PROGRAM", path)

    return put


@pytest.mark.parametrize(
    ("died_of", "refusal"),
    [("XCPU", PhotoTooLargeError), ("KILL", PhotoTooLargeError), ("ABRT", PhotoTooLargeError), ("SEGV", NotAPictureError)],
)
def test_a_decoder_that_dies_says_by_what(decode_by: Callable[[str], None], died_of: str, refusal: type[Exception]) -> None:
    decode_by(f"os.kill(os.getpid(), signal.SIG{died_of})")
    with pytest.raises(refusal):
        making.make_pictures(raw=b"x" * 200_000)


def test_a_machine_that_is_too_busy_is_not_the_photo_s_fault(decode_by: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_TIMEOUT_S", 0.5)
    decode_by("time.sleep(60)")
    with pytest.raises(PhotosBusyError):
        making.make_pictures(raw=b"x")


def test_a_decoder_that_cannot_start_is_our_fault(decode_by: Callable[[str], None]) -> None:
    decode_by("import there_is_no_such_module")
    with pytest.raises(RuntimeError, match="there_is_no_such_module"):
        making.make_pictures(raw=b"x")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]\n",
        b"{}\n",
        b'{"sizes": [[1, 1, 9], [1, 1, 9]]}\n<html><html>',
        b'{"sizes": [[9, 9, 1], [9, 9, 1]]}\nxy',
        bytes(9 * 2**20),
    ],
    ids=["nothing", "a list", "nothing in it", "a page", "too short", "9 MiB"],
)
def test_what_a_decoder_taken_over_answers_is_not_stored(decode_by: Callable[[str], None], tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "answer").write_bytes(answer)
    decode_by(f"sys.stdout.buffer.write(open({str(tmp_path / 'answer')!r}, 'rb').read())")
    with pytest.raises(NotAPictureError):
        making.make_pictures(raw=b"x")


def test_pictures_have_the_size_that_is_told(decode_by: Callable[[str], None], tmp_path: Path) -> None:
    photo = making.make_pictures(raw=pictures.png(pictures.scene(width=20, height=10)))
    written = tmp_path / "written"
    written.write_bytes(photo.large + photo.small)
    answer = "sys.stdout.buffer.write(b'{\"sizes\": [[%d, 10, %d], [20, 10, %d]]}\\n' + open(%r, 'rb').read())"
    decode_by(answer % (20, len(photo.large), len(photo.small), str(written)))
    assert making.make_pictures(raw=b"x") == photo
    decode_by(answer % (21, len(photo.large), len(photo.small), str(written)))
    with pytest.raises(NotAPictureError):
        making.make_pictures(raw=b"x")


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
