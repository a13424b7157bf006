"""What the server fetches when it makes a document: only what is its own.

A body may name an image at any address. A server that fetches it for a manager asks
machines on its own network, or reads its own files, in the manager's place.
"""

import re
from urllib.parse import urlsplit

from lxml import etree, html

# Elements and attributes a document needs no foreign host for.
FETCHING_TAGS = {
    "audio",
    "embed",
    "frame",
    "iframe",
    "image",
    "link",
    "meta",
    "object",
    "script",
    "source",
    "svg",
    "track",
    "video",
    "base",
}
FETCHING_ATTRIBUTES = ("src", "srcset", "background", "poster", "data", "xlink:href")

# A picture inside the document itself.
INLINE_IMAGE = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,", re.IGNORECASE)

CSS_FETCH = re.compile(
    r"(?:url|image|image-set|src)\s*\(|@import|expression\s*\(|\\", re.IGNORECASE
)

# Where Odoo serves pictures and files of its own, which takes no parameter that
# makes it go elsewhere.
OWN_PATH = re.compile(r"/(?:web/(?:image|content)/|[a-z_0-9]+/static/)")


def is_own(url, base_url):
    """:return: bool: the address is a file of this server"""
    try:
        url, base = urlsplit(url.strip()), urlsplit(base_url)
    except ValueError:
        return False
    if "\\" in url.netloc + url.path or ".." in url.path:
        return False
    if url.scheme or url.netloc:
        if (url.scheme, url.netloc) != (base.scheme, base.netloc):
            return False
    return bool(OWN_PATH.match(url.path))


def foreign(body, base_url):
    """:return: addresses a machine that shows the body would fetch elsewhere"""
    root = _parse(body)
    if root is None:
        return []
    return list(dict.fromkeys(found for found, _drop in _fetches(root, base_url)))


def without_foreign(body, base_url):
    """:return: str: the body without anything that is fetched from elsewhere"""
    root = _parse(body)
    if root is None:
        return ""
    for _found, drop in list(_fetches(root, base_url)):
        drop()
    text = html.tostring(root, encoding="unicode")
    return text.removeprefix("<div>").removesuffix("</div>")


def _parse(body):
    if not (body or "").strip():
        return None
    try:
        return html.fragment_fromstring(str(body), create_parent="div")
    except (etree.LxmlError, ValueError):
        return None


def _fetches(root, base_url):
    """:return: iterator of (address, function that takes it out)"""
    for node in list(root.iter()):
        if not isinstance(node.tag, str):
            # Comments may be read as conditions by mail programs.
            yield from _fetches_of_comment(node)
        elif node.tag in FETCHING_TAGS:
            yield f"<{node.tag}>", lambda node=node: _remove(node)
        else:
            yield from _fetches_of_node(node, base_url)


def _fetches_of_comment(node):
    if "src" in (node.text or "") or "url" in (node.text or ""):
        yield "<!-- -->", lambda: _remove(node)


def _fetches_of_node(node, base_url):
    for name in FETCHING_ATTRIBUTES:
        url = node.get(name)
        if url and not INLINE_IMAGE.match(url) and not is_own(url, base_url):
            yield url, lambda name=name: node.attrib.pop(name, None)
    if CSS_FETCH.search(node.get("style") or ""):
        yield node.get("style"), lambda: node.attrib.pop("style", None)
    if node.tag == "style" and CSS_FETCH.search(node.text or ""):
        yield "<style>", lambda: _remove(node)


def _remove(node):
    if node.getparent() is not None:
        node.drop_tree()
