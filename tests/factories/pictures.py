"""Files as phones, scanners and attackers send them, made here: no photo of anybody's is needed."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pillow_heif
from PIL import Image, ImageCms, ImageDraw

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 160, 60), (30, 60, 200), (255, 255, 255)
CORNERS = (RED, GREEN, BLUE, WHITE)
"""The colours of a scene's quarters: top left, top right, bottom left, bottom right."""
_TURNED_BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(*, width: int = 400, height: int = 300) -> Image.Image:
    """Return a picture with a colour in each quarter, so that one sees how it lies."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(CORNERS):
        left, top = (number % 2) * width // 2, (number // 2) * height // 2
        draw.rectangle((left, top, left + width // 2, top + height // 2), fill=colour)
    return image


def corners_of(image: Image.Image) -> list[Any]:
    """Return the colours in the middle of the quarters."""
    width, height = image.size
    return [image.getpixel((int(width * across), int(height * down))) for down in (0.25, 0.75) for across in (0.25, 0.75)]


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    """Return a JPEG, as `Image.save` makes it."""
    return _saved(image or scene(), "JPEG", quality=90, **options)


def mpo() -> bytes:
    """Return a JPEG with two pictures in it, as phones write for depth."""
    return _saved(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30), "black")])


def gain_map_jpeg() -> bytes:
    """Return an Ultra HDR JPEG: XMP says that a gain map follows, and an MPF index tells where."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description hdrgm:Version="1.0"/></x:xmpmeta>'
    return _saved(scene(), "MPO", save_all=True, append_images=[Image.new("L", (40, 30), 90)], xmp=xmp)


def private_jpeg() -> bytes:
    """Return a JPEG that says where, when and by whom it was taken: in EXIF, XMP, IPTC and a comment."""
    exif = Image.Exif()
    exif[0x010F], exif[0x9003] = "Secret Phone", "2026:12:01 10:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (37.0, 32.0, 40.0), 3: "E", 4: (127.0, 2.0, 15.0)})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">Secret Street</x:xmpmeta>'
    return jpeg(exif=exif, xmp=xmp, comment=b"Secret comment")


def turned_jpeg(orientation: int) -> bytes:
    """Return a JPEG whose pixels lie as a camera held so writes them; upright, it is `scene`."""
    turn, image, exif = _TURNED_BACK[orientation], scene(), Image.Exif()
    exif[0x0112] = orientation
    return jpeg(image if turn is None else image.transpose(turn), exif=exif)


def turned_by_xmp_jpeg() -> bytes:
    """Return a JPEG of which XMP alone says that it is to be turned: browsers do not."""
    return jpeg(xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>')


def display_p3_jpeg(colour: tuple[int, int, int]) -> bytes:
    """Return a JPEG in Display P3, filled with a colour of that."""
    return jpeg(Image.new("RGB", (400, 300), colour), icc_profile=display_p3_profile(), subsampling=0)


def display_p3_profile() -> bytes:
    """Return an ICC profile of Display P3: its primaries, adapted to D50, and the curve of sRGB."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {b"rXYZ": (0.51512, 0.24120, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189), b"bXYZ": (0.15710, 0.06657, 0.78407)}
    for tag, values in primaries.items():
        entry = srgb.index(tag, 128)
        (place,) = struct.unpack(">I", srgb[entry + 4 : entry + 8])
        srgb[place + 8 : place + 20] = b"".join(struct.pack(">i", round(value * 65536)) for value in values)
    return bytes(srgb)


def display_p3_png(colour: tuple[int, int, int], *, transfer: int = 13) -> bytes:
    """Return a PNG that says by its chunk `cICP` that it is in Display P3."""
    plain = png(Image.new("RGB", (400, 300), colour))
    return plain[:33] + _chunk(b"cICP", bytes([12, transfer, 0, 1])) + plain[33:]


def display_p3_avif(colour: tuple[int, int, int], *, transfer: int = 13) -> bytes:
    """Return an AVIF that says by `nclx` that it is in Display P3."""
    written = bytearray(_saved(Image.new("RGB", (400, 300), colour), "AVIF", quality=100, subsampling="4:4:4"))
    struct.pack_into(">HH", written, written.index(b"colrnclx") + 8, 12, transfer)
    return bytes(written)


def display_p3_heic(colour: tuple[int, int, int], *, transfer: int = 13) -> bytes:
    """Return a HEIC that says by `nclx` that it is in Display P3."""
    file, image = BytesIO(), pillow_heif.from_pillow(Image.new("RGB", (400, 300), colour))
    profile = {"color_primaries": 12, "transfer_characteristics": transfer, "matrix_coefficients": 6, "full_range_flag": 1}
    image.save(file, quality=100, chroma=444, save_nclx_profile=True, **profile)
    return file.getvalue()


def large_jpeg(*, width: int, height: int) -> bytes:
    """Return a JPEG of one colour and many pixels, in an instant: its header, and one repeated block of nothing new."""
    small = jpeg(Image.new("RGB", (16, 16), RED), subsampling=2)
    frame = small.index(b"\xff\xc0")
    scan = small.index(b"\xff\xda")
    data = scan + 2 + struct.unpack(">H", small[scan + 2 : scan + 4])[0]
    head = bytearray(small[:data])
    head[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    # Behind each restart marker a block's difference is from nothing, so that each interval is the same bytes.
    head[frame:frame] = b"\xff\xdd\x00\x04\x00\x01"
    block = small[data:-2]
    units = -(-width // 16) * -(-height // 16)
    eight = b"".join(block + bytes([0xFF, 0xD0 + number]) for number in range(8))
    rest = b"".join(block + bytes([0xFF, 0xD0 + number]) for number in range(units % 8))
    return bytes(head) + (eight * (units // 8) + rest)[:-2] + b"\xff\xd9"


def png(image: Image.Image | None = None, **options: Any) -> bytes:
    """Return a PNG, as `Image.save` makes it."""
    return _saved(image or scene(), "PNG", **options)


def grey_16_png() -> bytes:
    """Return a PNG with 16 bits of grey: half as bright as can be."""
    return _saved(Image.new("I;16", (400, 300), 0x8000), "PNG")


def palette_png() -> bytes:
    """Return a PNG with a palette, and a colour of it that is not there at all."""
    image = Image.new("P", (400, 300), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (200, 0, 400, 300))
    return _saved(image, "PNG", transparency=0)


def png_of(*, width: int, height: int) -> bytes:
    """Return a PNG that says it has so many pixels, and holds a few."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + _chunk(b"IEND", b"")


def webp() -> bytes:
    """Return a WebP whose right half shines through."""
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (200, 0, 400, 300))
    return _saved(image, "WEBP", lossless=True)


def webp_of(*, width: int, height: int, lossless: bool) -> bytes:
    """Return a WebP of so many pixels."""
    return _saved(Image.new("RGB", (width, height), RED), "WEBP", lossless=lossless, method=0, quality=0)


def avif() -> bytes:
    """Return an AVIF."""
    return _saved(scene(), "AVIF", quality=90)


def heic(image: Image.Image | None = None) -> bytes:
    """Return a HEIC, as phones write."""
    file = BytesIO()
    pillow_heif.from_pillow(image or scene()).save(file, quality=90)
    return file.getvalue()


def html_named_jpg() -> bytes:
    """Return a page with a script."""
    return b"<!doctype html><script>alert(1)</script>"


def polyglot() -> bytes:
    """Return a JPEG that has a page with a script in its comment and at its end."""
    return jpeg(comment=b"<script>alert(1)</script>") + html_named_jpg()


def _chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()
