"""Where Chromium is, and how it is started without any network but this machine.

Debian's package is ``chromium``; another one is named by the variable COURSE_CHROMIUM.
"""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # no name of a host leads anywhere
]


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    named = os.environ.get("COURSE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)
