"""Opens the files that all machines of a mirror share."""

from __future__ import annotations

from collections.abc import Mapping

from cachi2ish.errors import InputError
from cachi2ish.mirror.held.interface import SharedFiles
from cachi2ish.settings.buckets import Bucket


def shared_files(place: Bucket, environ: Mapping[str, str]) -> SharedFiles:
    """Return the files in a bucket. Raises `InputError` where the library or a variable is missing."""
    try:
        # Only where it is used: the library is not installed everywhere.
        from cachi2ish.mirror.held.s3_files import S3Files
    except ImportError as error:
        raise InputError(
            f"files in S3 need obstore, which cannot be loaded: {error}",
            hint="install cachi2ish[s3], or from a clone: make install WITH=mirror",
        ) from None
    return S3Files(place, environ)
