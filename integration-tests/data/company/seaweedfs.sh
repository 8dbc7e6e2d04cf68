#!/bin/sh
# What a start of docker.io/chrislusf/seaweedfs does: as root it gives /data to its user, and goes on as that one.
if [ "$(id -u)" = 0 ]; then
    chown -R seaweed:seaweed /data
    exec setpriv --reuid=seaweed --regid=seaweed --init-groups "$0" "$@"
fi
[ "$1" = server ] || exec weed "$@"
shift
exec weed -logtostderr=true server -dir=/data -volume.max=0 -master.volumePreallocate -master.volumeSizeLimitMB=1024 "$@"
