"""What each back-end adds to the requirements that an sdist declares (PEP 517, ``get_requires_for_build_wheel``).

A file for each back-end: the modules by which ``build-backend`` names it, and what its hook returns. Each is held
against the real hook by ``integration-tests/test_build_rules.py``.
"""
