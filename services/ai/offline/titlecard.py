"""A title card: the picture the offline provider makes where a picture model would paint one.

The palette and the pattern come from a hash of the prompt, the font is the one inside Pillow, so the same
request gives the same bytes on every machine. The card says that it is an offline draft, in the picture and
in the file's metadata.
"""

import hashlib
import io
import unicodedata
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

MARK = "offline draft image"
MIN_SIDE, MAX_SIDE = 64, 4096
_PALETTES = (
    ("#12263a", "#1f5673", "#f2a65a", "#f4f1de"),
    ("#2b2d42", "#5c4d7d", "#f28482", "#fbf3ee"),
    ("#0b3d2e", "#2d6a4f", "#e9c46a", "#f6f4e8"),
    ("#3a1c1c", "#7f3c2b", "#f2b880", "#fbf1e6"),
    ("#1a1a2e", "#29487d", "#7fd1ae", "#eef4f8"),
    ("#33272a", "#6b4d57", "#e0b1cb", "#f8f0f2"),
    ("#102a43", "#486581", "#f7c948", "#f0f4f8"),
    ("#22333b", "#4f6d5c", "#eab676", "#f5f1e8"),
)
_MARGIN = 0.075
_TITLE_SIZES = (0.125, 0.105, 0.09, 0.078, 0.066, 0.056, 0.046)  # of the height, the largest that fits
_MAX_LINES = 4

Colour = tuple[int, int, int]


class BadImageSize(ValueError):
    """The requested picture is too small or too large."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(
            f"A picture of {width} x {height} was asked for; each side is {MIN_SIDE} to {MAX_SIDE} pixels."
        )


def draw(prompt: str, width: int, height: int, title: str) -> bytes:
    """A PNG of `width` x `height` pixels with the title on a pattern.

    Raises:
        BadImageSize: when a side is outside 64 to 4096 pixels.
    """
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise BadImageSize(width, height)
    seed = hashlib.blake2b(f"{prompt}\0{title}".encode(), digest_size=16).digest()
    dark, mid, accent, light = (_rgb(c) for c in _PALETTES[seed[0] % len(_PALETTES)])
    image = _gradient(width, height, dark, mid)
    strength = _pattern(width, height, seed)
    image.paste(accent, mask=strength)
    _write(ImageDraw.Draw(image, "RGBA"), width, height, _plain(title), light, accent)
    return _encode(image)


def _rgb(value: str) -> Colour:
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))  # type: ignore[return-value]


def _gradient(width: int, height: int, dark: Colour, mid: Colour) -> Image.Image:
    """A diagonal gradient: four corner pixels, enlarged smoothly."""
    corners = Image.new("RGB", (2, 2))
    for x, y, share in ((0, 0, 0.0), (1, 0, 0.45), (0, 1, 0.35), (1, 1, 1.0)):
        corners.putpixel((x, y), _mix(dark, mid, share))
    box = (0.5, 0.5, 1.5, 1.5)  # between the centres of the four pixels, so that the whole card is gradient
    return corners.resize((width, height), Image.Resampling.BILINEAR, box=box)


def _pattern(width: int, height: int, seed: bytes) -> Image.Image:
    """How strongly the accent colour shows at each pixel; drawn at twice the size, because Pillow's edges
    are hard.
    """
    mask = Image.new("L", (2 * width, 2 * height), 0)
    _PATTERNS[seed[1] % len(_PATTERNS)](ImageDraw.Draw(mask), 2 * width, 2 * height, seed)
    return mask.reduce(2)


def _arcs(canvas: ImageDraw.ImageDraw, width: int, height: int, seed: bytes) -> None:
    """Rings around a point near the right edge."""
    x, y = width * (0.78 + seed[2] / 1500), height * (0.2 + seed[3] / 420)
    step = height // 9
    for index in range(2, 9):
        radius = index * step
        box = (x - radius, y - radius, x + radius, y + radius)
        canvas.ellipse(box, outline=120 - index * 11, width=max(2, height // 110))
    canvas.ellipse((x - step, y - step, x + step, y + step), fill=210)


def _tiles(canvas: ImageDraw.ImageDraw, width: int, height: int, seed: bytes) -> None:
    """Quarter circles in a loose grid on the right third."""
    side = min(height / 5, width / 8)
    for index in range(15):
        column, row = divmod(index, 5)
        if seed[2 + index % 14] >> (index % 7) & 1:
            continue
        x, y = width - side * (column + 1), row * side
        turn = (seed[2 + index % 14] + index) % 4
        origin = (x - side * (turn in {1, 2}), y - side * (turn in {2, 3}))
        box = (*origin, origin[0] + 2 * side, origin[1] + 2 * side)
        start = (180, 270, 0, 90)[turn]
        canvas.pieslice(box, start, start + 90, fill=60 + 30 * ((index + seed[3]) % 4))


def _waves(canvas: ImageDraw.ImageDraw, width: int, height: int, seed: bytes) -> None:
    """Overlapping hills along the lower edge."""
    for index in range(4):
        rise = height * (0.34 - 0.07 * index)
        shift = (seed[2 + index] / 255 - 0.5) * width * 0.5
        centre = width * (0.25 + 0.2 * index) + shift
        box = (centre - width * 0.55, height - rise, centre + width * 0.55, height + rise * 2.2)
        canvas.ellipse(box, fill=26 + 16 * index)
    spot = height * 0.11
    x, y = width * 0.86, height * (0.16 + seed[7] / 2500)
    canvas.ellipse((x - spot, y - spot, x + spot, y + spot), fill=215)


def _bars(canvas: ImageDraw.ImageDraw, width: int, height: int, seed: bytes) -> None:
    """Slanted bars of different lengths from the right edge."""
    thick = height / 9
    for index in range(7):
        length = width * (0.12 + seed[2 + index] / 255 * 0.3)
        y = index * thick * 1.35
        left, slant = width - length, thick * 0.8
        corners = [(left + slant, y), (width + slant, y), (width, y + thick), (left, y + thick)]
        canvas.polygon(corners, fill=50 + 24 * ((index + seed[9]) % 5))


_PATTERNS: tuple[Callable[[ImageDraw.ImageDraw, int, int, bytes], None], ...] = (
    _arcs,
    _tiles,
    _waves,
    _bars,
)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("This Pillow was built without FreeType; install the official wheel.")
    return font


def _plain(title: str) -> str:
    """The title in characters the built-in font has; what it cannot show is left out rather than drawn as
    boxes.
    """
    text = title.translate(
        {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-", 0x2026: "..."}
    )
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join("".join(c for c in text if c.isprintable()).split())


def _write(canvas: ImageDraw.ImageDraw, width: int, height: int, title: str, light: Colour, accent: Colour) -> None:
    unit = min(height, round(width * 0.62))
    margin = round(unit * _MARGIN * 1.2)
    font, lines = _fit(title, unit, round(width * 0.72) - margin)
    line_height = round(font.size * 1.22)
    y = height - margin - round(unit * 0.1) - line_height * len(lines)
    canvas.rectangle((margin, y - round(unit * 0.05), margin + unit // 6, y - round(unit * 0.035)), fill=accent)
    weight = max(1, round(font.size / 34))
    for index, line in enumerate(lines):
        at = (margin, y + index * line_height)
        canvas.text(at, line, font=font, fill=light, stroke_width=weight, stroke_fill=light)
    small = _font(max(9, round(unit * 0.036)))
    canvas.text((margin, height - margin - round(unit * 0.02)), MARK, font=small, fill=(*light, 190), anchor="ls")


def _fit(title: str, unit: int, room: int) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest type in which the title fits in at most four lines of `room` pixels; the rest is cut."""
    font, lines = _font(9), [title]
    for share in _TITLE_SIZES:
        font = _font(max(9, round(unit * share)))
        lines = _wrap(title, font, room)
        if len(lines) <= _MAX_LINES and all(font.getlength(line) <= room for line in lines):
            return font, lines
    if len(lines) > _MAX_LINES:
        lines = [*lines[: _MAX_LINES - 1], lines[_MAX_LINES - 1] + "..."]
    return font, lines


def _wrap(title: str, font: ImageFont.FreeTypeFont, room: int) -> list[str]:
    lines: list[str] = []
    for word in title.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _encode(image: Image.Image) -> bytes:
    facts = PngImagePlugin.PngInfo()
    facts.add_text("provider", "offline")
    facts.add_text("Description", MARK)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=facts, compress_level=3)
    return out.getvalue()
