"""Where code that was fetched may run, if ``--run-hooks`` says so: no network, no home, no rights, and limits."""
