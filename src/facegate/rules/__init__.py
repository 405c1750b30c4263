"""What may be done with uploaded media, as data: purposes, consent, ages; read from a TOML file, held at the door.

A file says what a privacy policy promises; `Rules` is what it says, checked. `facegate policy show | check | diff` is
its command line, `docs/media-policy.md` its page. Nothing here is legal advice.
"""

from facegate.rules.consent import Consent
from facegate.rules.keeping import Keeping
from facegate.rules.model import Ages, Purpose, Rules
from facegate.rules.read import SHIPPED, load, shipped

__all__ = ["SHIPPED", "Ages", "Consent", "Keeping", "Purpose", "Rules", "load", "shipped"]
