"""The site's first page is the README; links to docs in it, and to pages in the notebook, become links of the site."""

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

README = Path(__file__).parent.parent / "README.md"
LOG = logging.getLogger("mkdocs.hooks")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the first page."""
    text = README.read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "index.md", content=text))
    return files


def on_page_content(html: str, page: Page, files: Files, **_: object) -> str:
    """Notebooks are no Markdown to MkDocs: their links are neither followed nor checked."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    return re.sub(r'href="([\w.-]+\.md)"', lambda link: f'href="{_address(link[1], page, files)}"', html)


def _address(name: str, page: Page, files: Files) -> str:
    target = files.get_file_from_path(name)
    if target is None:
        LOG.warning("%s links to %s, which is no page.", page.file.src_uri, name)
        return name
    return target.url_relative_to(page.file)
