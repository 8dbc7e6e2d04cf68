#!/bin/sh
# What a start of docker.io/library/nginx does with /etc/nginx/templates: ${NAMES} of the environment become their values.
set -eu
if [ -n "${NGINX_ENTRYPOINT_LOCAL_RESOLVERS:-}" ]; then
    # The first alone: podman before 4.4 names those of the machine beside it, which do not know the other containers.
    NGINX_LOCAL_RESOLVERS=$(sed -n 's/^nameserver *//p' /etc/resolv.conf | head -n 1)
    export NGINX_LOCAL_RESOLVERS
fi
names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p')
for template in /etc/nginx/templates/*.template; do
    [ ! -e "$template" ] || envsubst "$names" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
done
exec "$@"
