"""The pip part of what conda and its kin lock."""
