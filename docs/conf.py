"""How Sphinx builds the pages and the reference of the API: `make docs`, with every warning an error.

Sphinx and not pdoc: pdoc shows docstrings, but nobody would check that the pages lead to each other, and to names that
exist. With `nitpicky` and MyST both are warnings here, and so errors.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import facegate

HERE = Path(__file__).parent
# What functions of the API return, or take, and what nobody makes by hand.
RESULTS = (
    "facegate.receipt.verify.Verified",
    "facegate.receipt.statement.Closed",
    "facegate.receipt.statement.PurgeReport",
    "facegate.protections.Protection",
    "facegate.receipt.ledger.verify.VerifiedLedger",
    "facegate.receipt.ledger.chain.Torn",
    "facegate.receipt.ledger.sink.Sink",
    "facegate.audit.channels.Channel",
    "facegate.audit.watchers.base.Observation",
    "facegate.audit.promises.Judged",
    "facegate.audit.evidence.Evidence",
    "facegate.audit.residue.report.ResidueReport",
    "facegate.audit.residue.report.Scanned",
    "facegate.audit.residue.report.Hit",
    "facegate.audit.residue.report.Unread",
)
project = "facegate"
html_title = "facegate"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["conf.py"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["facegate.css"]
html_copy_source = False
html_show_copyright = False
myst_heading_anchors = 3
nitpicky = True
# Names of classes alone come from annotations, where they may be anybody's; what is raised must be on a page. What
# belongs to others is not looked up: the build asks no server. `find_public_name` has the rest.
nitpick_ignore_regex = [
    (r"py:class", r"\w+(\[\w+)?"),
    (r"py:.*", r"(?!facegate\b)\w+\..*"),
    (r"py:exc", "|".join(each for each, kind in vars(builtins).items() if isinstance(kind, type))),
]
# A word in single backticks is code: what it names is in the text or in Python, not always on a page.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
# What an integration is for need not be here for its docstrings to be read.
autodoc_mock_imports = [
    name for name in ("torch", "diffusers", "starlette", "opentelemetry") if importlib.util.find_spec(name) is None
]
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Does not protect against", "notes_style")]
suppress_warnings: list[str] = []


def modules() -> Iterator[tuple[str, str]]:
    """Modules of the public API, with the heading of each."""
    yield "facegate.errors", "Errors"
    for package, word in (("facegate.adapters", "Adapters"), ("facegate.integrations", "Integrations")):
        if importlib.util.find_spec(package) is None:
            continue
        found = importlib.import_module(package)
        yield package, word
        for each in sorted(each.name for each in pkgutil.iter_modules(found.__path__) if not each.name.startswith("_")):
            yield f"{package}.{each}", f"{package}.{each}"
    yield "facegate.audit.exercise", "facegate.audit.exercise"


def write_reference(_: Any) -> None:
    """One page for the names of `facegate` itself, one for each other module; none of it is committed."""
    folder = HERE / "api"
    folder.mkdir(exist_ok=True)
    pages = {
        "facegate": _page(
            "The package facegate",
            "".join(
                f"\n.. autoclass:: facegate.{each}\n   :members:\n"
                if isinstance(getattr(facegate, each), type)
                else f"\n.. autofunction:: facegate.{each}\n"
                for each in facegate.__all__
            ),
        )
    }
    pages["results"] = _page("Results", "".join(f"\n.. autoclass:: {each}\n   :members:\n" for each in RESULTS))
    for name, heading in modules():
        pages[name] = _page(heading, f"\n.. automodule:: {name}\n   :members:\n   :show-inheritance:\n")
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _page(heading: str, body: str) -> str:
    return f"{heading}\n{'=' * len(heading)}\n{body}"


def add_contents(_: Any, page: str, source: list[str]) -> None:
    """The sidebar, made of the index's own headings and links, so that a page that it does not list is a warning."""
    if page != "index":
        return
    trees = []
    for heading, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", source[0], re.MULTILINE | re.DOTALL):
        links = re.findall(r"^- \[[^\]]*\]\(([\w/-]+)\.md\)", body, re.MULTILINE)
        if links:
            trees.append(_tree(heading, links))
    trees.append(_tree("Reference", ["api/facegate", "api/results", *(f"api/{name}" for name, _ in modules())]))
    source[0] += "\n" + "\n".join(trees)


def _tree(caption: str, pages: list[str]) -> str:
    lines = "\n".join(dict.fromkeys(pages))
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def find_public_name(application: Any, environment: Any, node: Any, content: Any) -> Any:
    """A class is documented where users import it from, `facegate.Gate`, whatever file it is written in."""
    target = node.get("reftarget", "")
    name = target.rpartition(".")[2]
    if name in facegate.__all__ and (target == name or target.startswith("facegate.")):
        domain = environment.get_domain("py")
        return domain.resolve_xref(
            environment, node.get("refdoc", ""), application.builder, "obj", f"facegate.{name}", node, content
        )
    # There is such a thing, but nobody who uses the library needs a page about it.
    return content if _exists(target) else None


def _exists(target: str) -> bool:
    module, _, name = target.rpartition(".")
    if not module.startswith("facegate"):
        return False
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


def read_fences(_: Any, __: str, ___: str, ____: Any, _____: Any, lines: list[str]) -> None:
    """Examples in docstrings are fenced, as on the pages; docutils has another way to say it."""
    out: list[str] = []
    inside = False
    for line in lines:
        if line.strip().startswith("```"):
            inside = not inside
            out += ["", f".. code-block:: {line.strip()[3:] or 'text'}", ""] if inside else [""]
        else:
            out.append(f"   {line}" if inside else line)
    # "Returns: (512,) float32: ..." is no type with a text, which is what Napoleon takes it for.
    lines[:] = [re.sub(r"^:returns: \*(.+?)\* -- ", r":returns: \1: ", line) for line in out]


def shorten(_: Any, __: str, ___: str, ____: Any, _____: Any, signature: str | None, result: str | None) -> Any:
    """Arrays as they are written: `NDArray[float32]`."""
    long = re.compile(r"~?(?:numpy\.)?ndarray\[tuple\[~?(?:typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[([^\]]+)\]\]")
    alias = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
    return tuple(
        alias.sub(r"\1", long.sub(r"~numpy.typing.NDArray[\1]", each)) if each else each for each in (signature, result)
    )


def skip_inner(_: Any, __: str, name: str, value: Any, skip: bool, ____: Any) -> bool | None:
    """Methods that others of facegate call; their docstrings say whose work they do."""
    document = getattr(value, "__doc__", None) or ""
    return True if document.startswith("What `") and not skip and not name.startswith("_") else None


def setup(application: Any) -> None:
    """Called by Sphinx."""
    application.connect("autodoc-process-docstring", read_fences)
    application.connect("autodoc-process-signature", shorten)
    application.connect("autodoc-skip-member", skip_inner)
    application.connect("builder-inited", write_reference)
    application.connect("source-read", add_contents)
    application.connect("missing-reference", find_public_name)
