"""Pages that open offline: one HTML file with its pictures inside, no script, everything from outside escaped.

`render("detect.html", context)` fills a template of this folder. Every template extends `base.html`, which carries the
content security policy (`default-src 'none'`), the styles and the colours for light and dark; a page needs no network,
loads nothing and runs nothing, whatever the names and metadata printed in it say.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics import __version__
from forensics.core.terminal import printable

if TYPE_CHECKING:
    from jinja2 import Environment

MINUS, THIN = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page as text. A name the template uses and `context` lacks is an error (jinja2.UndefinedError)."""
    return _environment().get_template(template).render(version=__version__, **context)


def data_uri(data: bytes, media_type: str) -> str:
    """`data` as a data: URI, for the src of an image."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("forensics.report"),
        autoescape=True,  # for every template, whatever it is called
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "signed": signed,
        "number": number,
        "percent": percent,
        "bytes": size_in_bytes,
        "likelihood_ratio": likelihood_ratio,
        "visible": printable,
        "data_uri": data_uri,
    }
    return environment


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, as log10 LRs are written: +1.20, −0.35, 0.00."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else MINUS) + text


def number(value: float | None, digits: int = 3) -> str:
    """A number with a true minus, or a dash where there is none (None, NaN)."""
    if value is None or np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    return f"{value:.{digits}f}".replace("-", MINUS)


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent; one that is neither 0 nor 1 is never rounded to 0 or 100."""
    text = f"{100 * share:.{digits}f}"
    step = 10.0**-digits
    if share > 0 and float(text) == 0:
        return f"< {step:g}{THIN}%"
    if share < 1 and float(text) == 100:
        return f"> {100 - step:g}{THIN}%"
    return f"{text}{THIN}%"


def size_in_bytes(n: int) -> str:
    """A file's size in bytes, kB or MB (powers of ten)."""
    if n < 1000:
        return f"{n} bytes"
    return f"{n / 1e3:.0f} kB" if n < 1e6 else f"{n / 1e6:.1f} MB"


def likelihood_ratio(log10_lr: float) -> str:
    """The ratio the larger way round, two digits: +2.3 → 200, −1 → 10, beyond a million in words."""
    ratio = 10 ** min(abs(log10_lr), 6.0)
    if ratio >= 1e6:
        return "more than a million"
    if ratio < 10:
        return f"{ratio:.1f}"
    digits = int(np.floor(np.log10(ratio)))
    return f"{round(ratio / 10 ** (digits - 1)) * 10 ** (digits - 1):,}".replace(",", THIN)
