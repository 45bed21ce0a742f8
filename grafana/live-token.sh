#!/bin/sh
# Write the token with which the exporter pushes the queue to Grafana Live to the volume that both containers mount.
# Grafana creates it at its first start, the only one at which a generated password of admin is known here, and it is kept with
# Grafana's data. So a restart creates no further token.
kept=/var/lib/grafana/grafana-live-token shared=/run/grafana-live

api() { # PATH [CURL-OPTION...]
  curl -fs -m 10 -u "admin:$GF_SECURITY_ADMIN_PASSWORD" -H 'Content-Type: application/json' "http://localhost:3000/api/$@"
}

until api health >/dev/null; do sleep 1; done
if [ ! -s $kept ] && api org >/dev/null; then # after some failed logins, Grafana would lock admin out for minutes
  umask 077
  account=$({ api serviceaccounts -d '{"name": "aircall-exporter", "role": "Editor"}' ||
    api 'serviceaccounts/search?query=aircall-exporter'; } |
    sed -n 's/.*"id":\([0-9]*\),"uid":"[^"]*","name":"aircall-exporter".*/\1/p')
  api "serviceaccounts/$account/tokens" -d "{\"name\": \"$(date +%s)\"}" | sed -n 's/.*"key":"\([^"]*\)".*/\1/p' >$kept
  umask 022
fi
if ! { [ -s $kept ] && cat $kept >$shared/new && mv $shared/new $shared/token; }; then
  echo "live-token.sh: no token for Grafana Live, see docs/grafana-live.md" >&2
fi
