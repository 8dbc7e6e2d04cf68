"""The mirror: package indexes as they were on any date. Needs the extra ``cachi2ish[mirror]``."""
