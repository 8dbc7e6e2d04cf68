"""What the pages need is in the wheel, and nothing but the mirror loads it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import cachi2ish

PACKAGE = Path(cachi2ish.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))


def test_each_file_that_is_no_module_is_package_data() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["cachi2ish"]
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    }
    assert [name for name in found if not any(fnmatch(name, pattern) for pattern in patterns)] == []
    assert {"mirror/web/templates/base.html", "mirror/web/static/style.css"} <= found


def test_history_commands_and_fetch_deps_load_no_template_engine() -> None:
    modules = "cachi2ish.cli.main, cachi2ish.cli.wiring, cachi2ish.cli.wiring_history"
    code = f"import sys, {modules}; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
