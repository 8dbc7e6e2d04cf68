"""The files of a mirror: held on the disk, on their way, and in S3 where all machines share them."""
