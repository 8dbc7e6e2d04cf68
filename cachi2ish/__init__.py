"""cachi2ish: prefetch what a Python build needs, prove what was fetched, build without a network."""

#: Read from here by the build; looking it up in the installed metadata would cost each start a tenth of its time.
__version__ = "0.1.0"
