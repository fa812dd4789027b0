"""Looks at what was built: links, weight, and that nothing comes from elsewhere."""

import gzip
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

MOST_KB = 500
"""What a page may weigh with its scripts and styles, without pictures."""

ASSETS = {"link": "href", "script": "src", "img": "src", "iframe": "src"}


class Page(HTMLParser):
    """The links, anchors and assets of a page."""

    def __init__(self, file: Path):
        super().__init__()
        self.file = file
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.assets: list[str] = []
        self.nameless: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what an element is called, leads to, and loads."""
        found = dict(attrs)
        self.anchors.update(v for k, v in attrs if v and k in ("id", "name"))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        relation = str(found.get("rel", ""))
        loads = tag != "link" or "stylesheet" in relation or "icon" in relation
        if tag in ASSETS and found.get(ASSETS[tag]) and loads:
            self.assets.append(str(found[ASSETS[tag]]))
        if tag == "img" and not found.get("alt"):
            self.nameless.append(str(found.get("src")))


def to(page: Path, link: str) -> tuple[Path, str]:
    """The file that a link leads to, and the place in it."""
    parts = urllib.parse.urlsplit(link)
    path = urllib.parse.unquote(parts.path)
    file = (page.parent / path).resolve() if path else page
    return file, urllib.parse.unquote(parts.fragment)


def outside(link: str) -> bool:
    """Whether a link leads out of the site."""
    return bool(urllib.parse.urlsplit(link).scheme) or link.startswith("//")


def faults(pages: dict[Path, Page]) -> list[str]:
    """What is wrong, a line each."""
    found = []
    for file, page in pages.items():
        for link in filter(lambda link: not outside(link), page.links):
            target, anchor = to(file, link)
            if not target.exists():
                found.append(f"{file.name}: {link} leads nowhere")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{file.name}: {link} has no such place")
        found += [f"{file.name}: loads {a}" for a in page.assets if outside(a)]
        found += [f"{file.name}: {src} has no words" for src in page.nameless]
        if weight(page) > MOST_KB:
            found.append(f"{file.name}: weighs {weight(page):.0f} kB")
    return found


def weight(page: Page) -> float:
    """Kilobytes of a page with its scripts and styles.

    As they are, but for the index of the search, which its page alone loads, and which
    counts as it is sent: compressed.
    """
    files = {to(page.file, a)[0] for a in page.assets if not outside(a)}
    files = {f for f in files if f.suffix in (".css", ".js") and f.exists()}
    index = [f for f in files if f.name == "searchindex.js"]
    sizes = [f.stat().st_size for f in {page.file, *files} - set(index)]
    sizes += [len(gzip.compress(f.read_bytes())) for f in index]
    return sum(sizes) / 1000


def report(html: Path) -> int:
    """Prints what was found; returns 1 where something is wrong."""
    files = [f.resolve() for f in sorted(html.rglob("*.html"))]
    pages = {file: Page(file) for file in files}
    wrong = faults(pages)
    weights = sorted(((weight(p), f) for f, p in pages.items()), reverse=True)
    links = sum(len(page.links) for page in pages.values())
    print(f"{len(pages)} pages, {links} links; the heaviest without pictures:")
    for kilobytes, file in weights[:5]:
        print(f"  {kilobytes:6.0f} kB  {file.relative_to(html.resolve())}")
    for line in wrong[:50]:
        print(line, file=sys.stderr)
    print(f"{len(wrong)} faults")
    return int(bool(wrong))
