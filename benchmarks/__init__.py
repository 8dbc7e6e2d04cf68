"""``make bench``: cachi2ish beside what one would run instead, over real files on loopback."""
