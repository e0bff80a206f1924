"""Settings of Sphinx: `make docs` builds the site from docs/, the notebooks, CONTRIBUTING.md and CHANGELOG.md.

Sources lie below the root of the repository, so that a link of a page works on GitHub and on the site.
"""

import re

import course_hw5  # before Keras: it decides what TensorFlow logs

project = "course_hw5"
author = "course_hw5 contributors"
copyright = "course_hw5 contributors, Apache-2.0"
release = course_hw5.__version__

root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*.ipynb", "CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = [".*", "site", "node_modules", "runs", "build", "docs/_templates"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!course_hw5\.).*")]  # other libraries: their pages are elsewhere

# === Markdown and notebooks ===
myst_heading_anchors = 3
myst_links_external_new_tab = False
nb_execution_mode = "off"  # notebooks are shown with the outputs that they have

# === API pages from docstrings ===
default_role = "code"
add_module_names = False
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True  # `MAXLEN`, not its value
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Input", "Notes"), ("Inputs", "Notes"), ("Outputs", "Notes")]

# === Looks ===
html_theme = "furo"
html_title = f"course_hw5 {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False
html_show_sphinx = False


def page_list(app, docname, source):
    """Makes the side bar from the headings and lists of docs/index.md, the one list of pages."""
    if docname != root_doc:
        return
    for heading, links in re.findall(r"^## (.+)\n((?:\n|- .*\n)*)", source[0], re.MULTILINE):
        pages = re.findall(r"\[(.+?)\]\((.+?)\)", links)
        entries = "\n".join(f"{title} <{page.removesuffix('.md').removesuffix('.ipynb')}>" for title, page in pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n"


def no_remote_images(app, docname, source):
    """Leaves the links of badges, and drops their images, which are on other hosts."""
    source[0] = re.sub(r"\[!\[([^\]]*)\]\(https?://[^)]*\)\]\(", r"[\1](", source[0])


def live_page(app, error):
    """Writes the page that `docs/guides/live.md` shows."""
    if error is None and app.builder.format == "html":
        from course_hw5.explanation import live

        page = live.live_page(course_hw5.load_model("beit-cifar10"), "beit-cifar10")
        (app.outdir / "_static" / "live.html").write_text(page, encoding="utf-8")


def setup(app):
    app.connect("build-finished", live_page)
    app.connect("source-read", page_list)
    app.connect("source-read", no_remote_images)
