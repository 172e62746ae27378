"""The map of the clusters as a picture, .svg or .png: a circle a cluster, its area by how much it is searched."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from services.planner.clustering import ClusterProposal, KeywordToCluster
from services.planner.clustering.layout import Circle, lay_out

SHOWN_MAX = 120
"""More circles than that cannot be read; the most searched are shown, and the foot says how many are not."""
SIDE = 1_600
MARGIN, FOOT = 24, 56
SHARPNESS = 2
"""The PNG is drawn so much larger, and then made smaller: smooth edges."""
FONT_MIN, FONT_MAX = 11, 40
LINE = 1.12
_FILLS = ("#4c78a8", "#e4843c", "#3f9a6b", "#c9514f", "#7d6bb3", "#2f9fa8", "#b8862f", "#c46a9b", "#6a7f3a", "#7a6a5d")
_INK, _QUIET, _PAPER, _ON_CIRCLE = "#22303c", "#5d6b78", "#fbfaf7", "#ffffff"

Label = tuple[int, list[str]]


def draw_map(keywords: Sequence[KeywordToCluster], proposals: Sequence[ClusterProposal], to: Path) -> None:
    """Draw the clusters into `to`, whose ending says how.

    Args:
        keywords: all that were clustered.
        proposals: their clusters, the most searched first.
        to: ends in .png or .svg.
    """
    circles = lay_out(keywords, proposals[:SHOWN_MAX])
    foot = _foot(keywords, proposals, len(circles))
    if to.suffix.lower() == ".svg":
        to.write_text(_svg(circles, foot), encoding="utf-8")
    else:
        _png(circles, foot).save(to)


def _foot(keywords: Sequence[KeywordToCluster], proposals: Sequence[ClusterProposal], shown: int) -> str:
    more = f", the {shown} most searched of them shown" if shown < len(proposals) else ""
    measure = "searches" if any(keyword.volume for keyword in keywords) else "keywords"
    counted = f"{len(keywords):,} keywords in {len(proposals):,} clusters{more}."
    return f"{counted} Area: {measure}. Colour: what belongs together."


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("Pillow was built without FreeType, so a PNG would have no labels. Ask for an .svg instead.")
    return font


def _label(circle: Circle) -> Label | None:
    """The largest font size at which the name fits into its circle, and its lines; None when none fits."""
    words = circle.name.split()
    diameter = 2 * circle.radius * SIDE
    for size in range(FONT_MAX, FONT_MIN - 1, -1):
        font = _font(size)
        for lines in _splits(words):
            height = len(lines) * size * LINE
            width = max(font.getlength(line) for line in lines)
            if width**2 + height**2 <= (0.96 * diameter) ** 2 and width <= 0.9 * diameter:
                return size, lines
    return None


def _splits(words: Sequence[str]) -> list[list[str]]:
    """The ways of writing up to three words on lines, the fewest lines first."""
    ways = [[" ".join(words)]]
    ways += [[" ".join(words[:cut]), " ".join(words[cut:])] for cut in range(1, len(words))]
    return [*ways, list(words)] if len(words) > 2 else ways  # noqa: PLR2004 - two words were split already


def _png(circles: Sequence[Circle], foot: str) -> Image.Image:
    width, height = _size(circles)
    picture = Image.new("RGB", (width * SHARPNESS, height * SHARPNESS), _PAPER)
    pen = ImageDraw.Draw(picture)
    for circle in circles:
        x, y, radius = (value * SHARPNESS for value in _placed(circle))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_fill(circle))
    for circle in circles:
        label = _label(circle)
        if label:
            size, lines = label
            x, y, _ = (value * SHARPNESS for value in _placed(circle))
            for line, middle in _lines(lines, size):
                pen.text((x, y + middle * SHARPNESS), line, _ON_CIRCLE, _font(size * SHARPNESS), anchor="mm")
    at = (MARGIN * SHARPNESS, (height - FOOT // 2) * SHARPNESS)
    pen.text(at, foot, _QUIET, _font(20 * SHARPNESS), anchor="lm")
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _svg(circles: Sequence[Circle], foot: str) -> str:
    width, height = _size(circles)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif">',
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
    ]
    for circle in circles:
        x, y, radius = _placed(circle)
        told = f"{circle.name}: {circle.keywords:,} keywords, {circle.volume:,} searches"
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_fill(circle)}"/>'
        parts.append(f"<g><title>{escape(told)}</title>{shape}")
        size, lines = _label(circle) or (0, [])
        parts += [
            f'<text x="{x:.1f}" y="{y + middle:.1f}" font-size="{size}" fill="{_ON_CIRCLE}" text-anchor="middle" '
            f'dominant-baseline="central">{escape(line)}</text>'
            for line, middle in _lines(lines, size)
        ]
        parts.append("</g>")
    at = height - FOOT // 2
    told = f'<text x="{MARGIN}" y="{at}" font-size="20" fill="{_QUIET}">{escape(foot)}</text>'
    parts += [told, "</svg>"]
    return "\n".join(parts) + "\n"


def _size(circles: Sequence[Circle]) -> tuple[int, int]:
    """Width and height of the picture in pixels."""
    width = max(circle.x + circle.radius for circle in circles) * SIDE
    height = max(circle.y + circle.radius for circle in circles) * SIDE
    return round(width) + 2 * MARGIN, round(height) + 2 * MARGIN + FOOT


def _placed(circle: Circle) -> tuple[float, float, float]:
    return MARGIN + circle.x * SIDE, MARGIN + circle.y * SIDE, circle.radius * SIDE


def _fill(circle: Circle) -> str:
    return _FILLS[circle.region % len(_FILLS)]


def _lines(lines: Sequence[str], size: int) -> list[tuple[str, float]]:
    """Each line with how far its middle is below the circle's."""
    return [(line, (number - (len(lines) - 1) / 2) * size * LINE) for number, line in enumerate(lines)]
