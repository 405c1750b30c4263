"""How things of a policy are named."""

from __future__ import annotations

import re
from typing import Final

# A purpose, a class, a partner.
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
# ISO 3166: a country, or one of its parts, as "DE" and "US-IL".
REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
