"""The store that all machines of a mirror share: in S3 or on a disk, used, copied and made smaller."""
