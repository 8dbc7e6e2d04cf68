"""The command line. It reads the environment for the other rooms, and its wiring names their concrete classes.

What libraries read by themselves elsewhere: proxies (``http``, by requests, since proxies differ by address) and
``TMPDIR`` (``git`` and ``sdists``, by tempfile). ``git`` sets one variable, the only switch that GitPython has.
"""
