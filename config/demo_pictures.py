"""Pictures of the demo's things, drawn here: one motif a category, in colours of each thing's own."""

from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image, ImageDraw

from apps.items.photos.making import Renditions

_SIZE, _SMALL = (640, 480), (320, 240)
_PAPERS = ("#f4e3c8", "#dcebdd", "#dbe7f3", "#f3dcdc", "#e8e0f2", "#f5efc6", "#d8eeea", "#eee3da")
_INKS = ("#c8553d", "#2f6f4f", "#2b5c8a", "#8d3b72", "#b07d2b", "#3d5a80", "#7a4b2f", "#4f6d3a")
_DARK, _LIGHT = "#2e2a26", "#fffaf2"
_Draw = Callable[[ImageDraw.ImageDraw, str], None]


def draw(*, category: str, number: int) -> Renditions:
    """Return the pictures of the thing with this number: always the same ones."""
    image = Image.new("RGB", _SIZE, _PAPERS[number % len(_PAPERS)])
    canvas = ImageDraw.Draw(image)
    canvas.ellipse((110, 390, 530, 450), fill="#cfc4b4")
    _MOTIFS[category](canvas, _INKS[(number * 3) % len(_INKS)])
    large, small = (_webp(image if size == _SIZE else image.resize(size, Image.Resampling.BOX)) for size in (_SIZE, _SMALL))
    return Renditions(large=large, small=small, width=_SIZE[0], height=_SIZE[1])


def _webp(image: Image.Image) -> bytes:
    written = BytesIO()
    image.save(written, "WEBP", quality=80, method=0)
    return written.getvalue()


def _drill(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    canvas.rounded_rectangle((190, 130, 430, 230), 30, fill=ink)
    canvas.polygon([(290, 220), (370, 220), (350, 360), (270, 360)], fill=ink)
    canvas.rounded_rectangle((245, 350, 385, 415), 14, fill=_DARK)
    canvas.polygon([(430, 150), (490, 165), (490, 195), (430, 210)], fill=_DARK)
    canvas.rectangle((490, 174, 560, 186), fill=_DARK)
    canvas.rounded_rectangle((215, 155, 300, 175), 10, fill=_LIGHT)


def _tent(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    canvas.polygon([(320, 90), (560, 415), (80, 415)], fill=ink)
    canvas.polygon([(320, 170), (400, 415), (240, 415)], fill=_DARK)
    canvas.polygon([(320, 170), (320, 415), (240, 415)], fill=_LIGHT)


def _stroller(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    canvas.pieslice((160, 90, 460, 390), 180, 360, fill=ink)
    canvas.pieslice((160, 140, 460, 360), 0, 180, fill=_DARK)
    canvas.line([(455, 250), (540, 140)], fill=_DARK, width=14)
    for left in (180, 370):
        canvas.ellipse((left, 340, left + 80, 420), fill=_LIGHT, outline=_DARK, width=14)


def _appliance(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    canvas.rounded_rectangle((190, 80, 450, 415), 36, fill=ink)
    canvas.ellipse((235, 180, 405, 350), fill=_LIGHT, outline=_DARK, width=16)
    canvas.rounded_rectangle((225, 110, 330, 140), 12, fill=_LIGHT)
    canvas.ellipse((370, 105, 410, 145), fill=_DARK)


def _bicycle(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    for left in (100, 370):
        canvas.ellipse((left, 245, left + 170, 415), outline=_DARK, width=16)
    canvas.line([(185, 330), (270, 190), (420, 190), (330, 330), (185, 330)], fill=ink, width=18, joint="curve")
    canvas.line([(330, 330), (250, 160)], fill=ink, width=18)
    canvas.line([(455, 330), (410, 150), (460, 130)], fill=ink, width=18, joint="curve")
    canvas.rounded_rectangle((205, 140, 295, 164), 12, fill=_DARK)


def _camera(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    canvas.rounded_rectangle((240, 115, 400, 200), 20, fill=_DARK)
    canvas.rounded_rectangle((130, 165, 510, 415), 36, fill=ink)
    canvas.ellipse((225, 195, 415, 385), fill=_LIGHT, outline=_DARK, width=18)
    canvas.ellipse((275, 245, 365, 335), fill=_DARK)
    canvas.ellipse((445, 190, 480, 225), fill=_LIGHT)


def _balloons(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    for left, top, fill in ((130, 120, _DARK), (350, 110, _LIGHT), (230, 60, ink)):
        middle = left + 80
        canvas.line([(middle, top + 190), (320, 415)], fill=_DARK, width=5)
        canvas.ellipse((left, top, left + 160, top + 195), fill=fill)
        canvas.polygon([(middle, top + 185), (middle - 16, top + 215), (middle + 16, top + 215)], fill=fill)


def _suitcase(canvas: ImageDraw.ImageDraw, ink: str) -> None:
    canvas.rounded_rectangle((255, 70, 385, 180), 20, outline=_DARK, width=16)
    canvas.rounded_rectangle((170, 140, 470, 400), 34, fill=ink)
    for left in (235, 385):
        canvas.rectangle((left, 140, left + 20, 400), fill=_LIGHT)
    for left in (200, 400):
        canvas.ellipse((left, 390, left + 40, 430), fill=_DARK)


_MOTIFS: Mapping[str, _Draw] = {
    "공구": _drill,
    "캠핑": _tent,
    "유아": _stroller,
    "생활가전": _appliance,
    "스포츠": _bicycle,
    "촬영": _camera,
    "파티": _balloons,
    "여행": _suitcase,
}
