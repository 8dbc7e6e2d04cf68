"""The default index is the one that pypi-simple names, whichever way it is read."""

from __future__ import annotations

import subprocess
import sys

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from cachi2ish.index import stack


def test_the_default_index_is_that_of_pypi_simple() -> None:
    assert stack.default_index_url() == PYPI_SIMPLE_ENDPOINT
    assert stack._imported() == PYPI_SIMPLE_ENDPOINT


def test_the_package_is_not_imported_for_it() -> None:
    program = (
        "import sys; from cachi2ish.index.stack import default_index_url as url;"
        " url(); sys.exit('pypi_simple' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
