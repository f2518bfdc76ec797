"""Hook of mkdocs: files that lie outside docs/ and that a page links to become part of the site.

Pages link as they do in the checkout, `../slam/weights/earlybird-matcher.md`; every such file is brought into the site
at its path in the repository, Markdown as a page. Links are rewritten to it, mkdocs checks the rest.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)]*)?(\))")
PAGES_OF_THE_TOP = ("CONTRIBUTING.md", "CHANGELOG.md")  # in the navigation, whether somebody links to them or not


def repository_path(page: str) -> str:
    """Where a page of the site lies in the repository: docs/ is the site's root, other pages keep their path."""
    inside = PurePosixPath("docs") / page
    return str(inside) if (ROOT / inside).is_file() else page


def site_path(file: str) -> str:
    """Where a file of the repository lies in the site."""
    return file.removeprefix("docs/")


def linked(markdown: str, page: str) -> dict[str, str]:
    """Links of a page to files of the repository: as written, and the file's path in the repository."""
    folder = PurePosixPath(repository_path(page)).parent
    targets = {match[2]: normpath(str(folder / match[2])) for match in LINK.finditer(markdown) if "://" not in match[2]}
    return {link: file for link, file in targets.items() if not file.startswith("..") and (ROOT / file).is_file()}


def rewritten(markdown: str, page: str) -> str:
    """The page with its links to files of the repository as links within the site."""
    targets = linked(markdown, page)
    here = str(PurePosixPath(page).parent)

    def link(match: re.Match[str]) -> str:
        if match[2] not in targets:
            return match[0]
        return f"{match[1]}{relpath(site_path(targets[match[2]]), here)}{match[3] or ''}{match[4]}"

    return LINK.sub(link, markdown)


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Bring in what pages link to, and what those link to."""
    wanted = list(PAGES_OF_THE_TOP)
    for page in files.documentation_pages():
        wanted += linked(page.content_string, page.src_uri).values()
    while wanted:
        name = wanted.pop()
        if files.get_file_from_path(site_path(name)) is None:
            files.append(File.generated(config, site_path(name), abs_src_path=str(ROOT / name)))
            if name.endswith(".md"):
                wanted += linked((ROOT / name).read_text(), site_path(name)).values()
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of a page as the site needs them."""
    return rewritten(markdown, page.file.src_uri)
