"""Make two pictures of a file from anybody, in a process of its own: a program, which `making` starts. It knows nothing of the product.

It reads the file from standard input and writes a line of JSON, `{"sizes": [[width, height, bytes], …]}` and then the pictures, or
`{"refused": "not_a_picture" | "too_large"}`. Its memory and time are limited, and decoders that crash take nothing with them.
"""

import json
import os
import resource
import struct
import sys
import warnings
from contextlib import suppress
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageFile, ImageOps

SIDES = (1280, 320)
"""The longest side of each picture; none is larger than what was sent."""
# The largest that phones write, and what decoders take at once that cannot leave out pixels while they read.
_MAX_PIXELS, _MAX_PIXELS_AT_ONCE = 210_000_000, 50_000_000
# libwebp's decoder of animations, which Pillow uses for every WebP, keeps two whole pictures more.
_MAX_PIXELS_OF_WEBP = 20_000_000
_MAX_SECONDS = 15
_STRIP = 256
_FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "AVIF")
_END_OF_JPEG = b"\xff\xd9"
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_QUALITY = 80
_ORIENTATION = 0x0112
# How a file says that it is in Display P3, if not by an ICC profile: primaries, and any transfer but those of HDR. Source: ITU-T H.273.
_P3_PRIMARIES, _SDR_TRANSFERS = 12, {1, 2, 6, 13}
# Its primaries, adapted to D50. Source: Apple's Display P3.icc.
_P3 = {b"rXYZ": (0.51512, 0.24120, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189), b"bXYZ": (0.15710, 0.06657, 0.78407)}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class TooLargeError(Exception):
    """It has too many pixels, or would take too much memory."""


def pictures_of(raw: bytes) -> list[tuple[tuple[int, int], bytes]]:
    """Return the sizes of the pictures, and each as WebP: sRGB, upright, on white, and nothing but pixels.

    :raises TooLargeError: before anything is decoded
    :raises Exception: of whatever kind the decoders raise, for what is no picture
    """
    whole = _upright(*_read(raw))
    pictures = []
    for side in SIDES:
        picture = ImageOps.contain(whole, (side, side), Image.Resampling.LANCZOS) if max(whole.size) > side else whole
        written = BytesIO()
        picture.save(written, "WEBP", quality=_QUALITY, method=4)
        pictures.append((picture.size, written.getvalue()))
    return pictures


def _read(raw: bytes) -> tuple[Image.Image, int]:
    """Return a picture of at least the sizes that are made, in sRGB, and how it lies."""
    image = _open(raw)
    turn, profile = _orientation(image.info.get("exif")), _profile(image, raw)
    try:
        flat = _flat(image)
    except OSError:
        if not isinstance(image, ImageFile.ImageFile) or image.format not in {"JPEG", "MPO"}:
            raise
        flat = _without_its_end(raw)
    return _in_srgb(flat, profile), turn


def _open(raw: bytes) -> Image.Image:
    """Return the picture, of which only the header was read. A JPEG with several pictures in it is the first of them."""
    formats = _FORMATS
    if raw[4:8] == b"ftyp" and raw[8:12] in _HEIF:
        import pi_heif  # noqa: PLC0415  # it takes as long to load as Pillow does

        pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)
        formats = ("HEIF",)
    elif raw[4:8] == b"ftyp":
        from PIL import AvifImagePlugin  # noqa: PLC0415

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each takes memory
    image = Image.open(BytesIO(raw), formats=formats)
    width, height = image.size
    at_once = image.format not in {"JPEG", "MPO"} or "progressive" in image.info
    most = _MAX_PIXELS_OF_WEBP if image.format == "WEBP" else _MAX_PIXELS_AT_ONCE if at_once else _MAX_PIXELS
    if width * height > most:
        raise TooLargeError
    # A JPEG is decoded at a half, a quarter or an eighth of its size.
    share = min(1.0, 2 * SIDES[0] / max(width, height))
    image.draft(None, (max(1, int(width * share)), max(1, int(height * share))))
    return image


def _flat(image: Image.Image) -> Image.Image:
    """Return the picture without transparency, as L, RGB or CMYK, made smaller strip by strip: there is no second whole one."""
    image.load()
    width, height = image.size
    factor = max(1, max(width, height) // (2 * SIDES[0]))
    step = _STRIP * factor
    canvas: Image.Image | None = None
    for top in range(0, height, step):
        strip = _plain(image.crop((0, top, width, min(top + step, height)))).reduce(factor)
        if canvas is None:
            canvas = Image.new(strip.mode, (strip.width, -(-height // factor)))
        canvas.paste(strip, (0, top // factor))
    if canvas is None:
        raise ValueError("no pixels")
    return canvas


def _plain(strip: Image.Image) -> Image.Image:
    """Return a strip as L, RGB or CMYK; what shines through is white."""
    if strip.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut off at 255
        strip = strip.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if strip.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in strip.info:
        strip = strip.convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        return Image.alpha_composite(white, strip).convert("RGB")
    return strip if strip.mode in {"L", "RGB", "CMYK"} else strip.convert("RGB")


def _without_its_end(raw: bytes) -> Image.Image:
    """Return the picture of a JPEG that was cut off behind its last pixel.

    It is decoded with two different endings. If pixels were missing, the endings would be decoded in their place, and the pictures differ.

    :raises OSError: if pixels are missing
    """
    raw = raw.removesuffix(b"\xff")
    at_once, later = (_flat(_open(raw + more + _END_OF_JPEG)) for more in (b"", b"\x35\xca" * 512))
    if at_once.tobytes() != later.tobytes():
        raise OSError("pixels are missing")
    return at_once


def _profile(image: Image.Image, raw: bytes) -> bytes | None:
    """Return the ICC profile of a picture, or one made of the numbers (CICP) by which it says that it is in Display P3."""
    icc: bytes | None = image.info.get("icc_profile")
    if image.format == "PNG":
        cicp = _cicp_of_png(raw)  # comes before a profile
    elif icc:
        return icc
    elif image.format == "AVIF":
        cicp = _cicp_of_avif(raw)
    else:
        told = image.info.get("nclx_profile") or {}
        cicp = told.get("color_primaries"), told.get("transfer_characteristics")
    return _display_p3() if cicp[0] == _P3_PRIMARIES and cicp[1] in _SDR_TRANSFERS else icc


def _cicp_of_png(raw: bytes) -> tuple[Any, Any]:
    """Return the primaries and the transfer of the chunk `cICP`, which stands before the pixels; None and None where there is none."""
    at = 8
    while at + 12 <= len(raw) and raw[at + 4 : at + 8] != b"IDAT":
        if raw[at + 4 : at + 8] == b"cICP":
            return raw[at + 8], raw[at + 9]
        at += 12 + int(struct.unpack_from(">I", raw, at)[0])
    return None, None


def _cicp_of_avif(raw: bytes) -> tuple[Any, Any]:
    """Return the primaries and the transfer of the first `colr` of kind `nclx` in the box `meta`; None and None where there is none."""
    at = 0
    while at + 8 <= len(raw):
        size, kind = struct.unpack_from(">I4s", raw, at)
        if kind == b"meta":
            found = raw.find(b"colrnclx", at, at + size)
            return struct.unpack_from(">HH", raw, found + 8) if 0 <= found <= len(raw) - 12 else (None, None)
        if size < 8:  # noqa: PLR2004  # what follows reaches to the end, or is larger than any photo
            break
        at += size
    return None, None


def _display_p3() -> bytes:
    """Return an ICC profile of Display P3: that of sRGB, whose curve it has, with other primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for tag, primary in _P3.items():
        (place,) = struct.unpack_from(">I", profile, profile.index(tag, 128) + 4)
        struct.pack_into(">3i", profile, place + 8, *(round(value * 65536) for value in primary))
    return bytes(profile)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        # A profile that is damaged, or for another kind of picture, is ignored, as browsers do.
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


def _orientation(exif: bytes | None) -> int:
    """Return how the picture lies according to its EXIF. Pillow would look into XMP as well, browsers do not."""
    found: Any = 1
    if exif:
        with suppress(Exception):  # whatever is wrong with it
            read = Image.Exif()
            read.load(exif)
            found = read.get(_ORIENTATION, 1)
    return found if isinstance(found, int) else 1


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image


def main(*, memory: int) -> None:
    """Answer for the file on standard input, with at most so many bytes of memory."""
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, _MAX_SECONDS), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):  # macOS limits no address space
            resource.setrlimit(limit, (most, most))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # nobody reads on what decoders have to say
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # it is looked at before anything is decoded
    answer: dict[str, Any]
    made: list[tuple[tuple[int, int], bytes]] = []
    try:
        made = pictures_of(sys.stdin.buffer.read())
        answer = {"sizes": [[*size, len(written)] for size, written in made]}
    except (TooLargeError, MemoryError):
        answer = {"refused": "too_large"}
    except Exception as error:  # noqa: BLE001  # decoders raise anything
        answer = {"refused": "not_a_picture", "reason": f"{type(error).__name__}: {error}"[:200]}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + b"".join(written for _, written in made))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(memory=int(sys.argv[1]))
