"""Pictures as models draw them, cut to the size that was asked for."""

import io
from base64 import b64decode

from PIL import Image, ImageOps

PIXELS_MAX = 64_000_000  # 8,000 x 8,000: more is no picture but a trap for memory
_FORMATS = ("PNG", "JPEG", "WEBP")


class PictureUnreadable(ValueError):
    """It is no picture that we take; the message says why."""


def fitted(encoded: str, width: int, height: int) -> bytes:
    """Return a picture cut around its middle to the shape that is wanted, and scaled to its size, as PNG.

    Args:
        encoded: PNG, JPEG or WebP in base64.
        width: pixels.
        height: pixels.

    Raises:
        PictureUnreadable: it is no such picture, or larger than PIXELS_MAX.
    """
    try:
        with Image.open(io.BytesIO(b64decode(encoded, validate=True)), formats=_FORMATS) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise PictureUnreadable(f"it has {opened.width} x {opened.height} pixels")
            picture = opened.convert("RGB")
    except PictureUnreadable:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: broken PNG chunks
        raise PictureUnreadable(f"it is no whole picture ({type(error).__name__})") from error
    out = io.BytesIO()
    ImageOps.fit(picture, (width, height)).save(out, "PNG", optimize=True)
    return out.getvalue()
