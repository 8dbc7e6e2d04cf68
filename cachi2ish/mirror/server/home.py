"""The first page: what this is, and lines to copy."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from cachi2ish import __version__

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The index that stands still</title>
<style>
body {{ max-width: 50em; margin: 2em auto; padding: 0 1em; font-family: sans-serif }}
pre {{ overflow: auto }}
</style>
</head>
<body>
<h1>The index that stands still</h1>
<p>A package index as it was on any date: put the date into its address. Instead of a day, the date may be an
instant (<code>2024-10-01T12:00:00Z</code>), <code>live</code> for the index as it is, or a duration such as
<code>7d</code> for the index as it is without the files that are younger.</p>
<h2>Use it</h2>
{uses}
<h2>Registries</h2>
<ul>
{registries}
</ul>
<p>cachi2ish {version} · <a href="healthz">health</a> · <a href="metrics">metrics</a></p>
</body>
</html>
"""


def home_page(registries: Iterable[str], main: str, base: str, day: str) -> bytes:
    """Return it. base: the address that the client has asked, with a slash at its end. day: for the examples."""
    index = f"{base}{day}/simple/"
    uses = (
        ("pip", f"pip install --index-url {index} -r requirements.txt"),
        ("uv", f"uv pip install --default-index {index} -r requirements.txt"),
        ("Poetry", f"poetry source add --priority=primary then {index}"),
        ("PDM", f"pdm config pypi.url {index}"),
        ("fetch-deps", f"fetch-deps --index-url {index} -r requirements.txt"),
    )
    return _PAGE.format(
        uses="\n".join(f"<h3>{name}</h3>\n<pre>{escape(line)}</pre>" for name, line in uses),
        registries="\n".join(_registry(name, main, day) for name in registries),
        version=escape(__version__),
    ).encode()


def _registry(name: str, main: str, day: str) -> str:
    path = f"{day}/simple/" if name == main else f"r/{name}/{day}/simple/"
    return f'<li>{escape(name)}: <a href="{escape(path)}">{escape(path)}</a></li>'
