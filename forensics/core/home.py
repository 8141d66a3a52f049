"""Where the toolkit keeps what it can make or fetch again: networks that were pulled, statistics, scans of trees."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """`$FORENSICS_HOME`, else the user's cache folder of this system (`$XDG_CACHE_HOME/forensics` on Linux)."""
    if chosen := os.environ.get("FORENSICS_HOME"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("forensics", appauthor=False))
