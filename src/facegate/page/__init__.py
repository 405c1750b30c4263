"""Reports as one HTML page each, which loads nothing from anywhere: how they look, and how they are made."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(package: str, template: str, **values: Any) -> str:
    """A page out of a package's template; everything is escaped, whoever named it.

    Args:
        package: that has the template, and a ``style.css`` of its own, which comes after the one for all pages.
        template: its name. It finds there `style`, and `content_policy`, under which a browser loads nothing, runs
            nothing, and takes that style alone.
        values: what else it finds there.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "".join(resources.files(each).joinpath("style.css").read_text("utf-8") for each in (__name__, package))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return environment.get_template(template).render(style=style, content_policy=policy, **values)
