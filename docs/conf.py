"""Settings of the documentation's generator: ``sphinx-build -W docs docs/_build/html``."""

import re
import runpy
from pathlib import Path

from hpopt import __version__

project = "hpopt"
author = "The hpopt authors"
project_copyright = "2026, the hpopt authors"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "matplotlib.sphinxext.plot_directive",  # draws the examples' pictures of the pages' numbers
]
exclude_patterns = ["_build"]
nitpicky = False
default_role = "py:obj"
suppress_warnings = ["ref.python"]  # a type "path" of a docstring is not one of many attributes

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
# Trackers' libraries, which need not be here for their settings to be described.
autodoc_mock_imports = ["mlflow", "tensorboard", "trackio", "wandb"]
autodoc_default_options = {"members": True, "show-inheritance": True}
# The type ``path`` of an argument is looked up as a name, which attributes of several classes have.
suppress_warnings = ["ref.python"]
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_preprocess_types = False

plot_formats = [("svg", 100)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
plot_working_directory = str(Path(__file__).parent / "figures")  # whose scripts can import others
plot_pre_code = (
    "import searches, walks\nfrom hpopt.reports import plots"  # of pictures on a page itself
)
plot_rcparams = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.hashsalt": "hpopt",  # the same picture each time
}

html_theme = "furo"
html_title = f"hpopt {release}"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["hpopt.css"]
pygments_style = "friendly"
pygments_dark_style = "monokai"

SEVERAL = re.compile(r"(?P<names>\w+(?:, \w+)+)(?P<kind> : .*)?")


texts = {}


def before_napoleon(app, what, name, *others):
    """Keep the text of a property, and split an attributes' entry ``a, b : int`` in two."""
    lines = others[-1]
    if what in ("attribute", "data", "property"):
        texts[name] = list(lines)
    if "Attributes" in lines:
        split_attributes(lines)


def after_napoleon(app, what, name, *others):
    """Restore the text of a property: napoleon takes what is before a colon for a type."""
    lines = others[-1]
    lines[:] = texts.pop(name, lines)


def split_attributes(lines):
    """Make an entry of each attribute that shares one; napoleon does so for parameters only."""
    first = lines.index("Attributes") + 2
    last = next((n for n in range(first, len(lines)) if lines[n].startswith("---")), len(lines))
    place = first
    while place < last:
        found = SEVERAL.fullmatch(lines[place])
        place += 1
        if found:
            about = [line for line in lines[place:last] if line]
            about = about[: next((n for n, line in enumerate(about) if line[0] != " "), len(about))]
            entries = [f"{each}{found['kind'] or ''}" for each in found["names"].split(", ")]
            new = [line for entry in entries for line in (entry, *about)]
            lines[place - 1 : place + len(about)] = new
            place += len(new) - 1 - len(about)
            last += len(new) - 1 - len(about)


def write_example_report(app, error):
    """Write the report that its guide links to."""
    if error is None and app.builder.format == "html":
        made = runpy.run_path(str(Path(app.srcdir, "figures", "example_report.py")))
        made["write_example_report"](Path(app.outdir, "example_report.html").absolute())


def setup(app):
    """Correct docstrings before and after napoleon, which has the priority 500."""
    app.connect("build-finished", write_example_report)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)
