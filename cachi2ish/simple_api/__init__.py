"""The Simple repository API (PEP 503, 592, 629, 691, 700, 792): what stands on the wire, read and written."""
