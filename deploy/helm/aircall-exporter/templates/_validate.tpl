{{/* Reject values that do not fit together, with the value, what is expected and a remedy. */}}
{{- define "aircall-exporter.validate" -}}
{{- with .Values }}
{{- if not .credentials.existingSecret }}
{{- fail "credentials.existingSecret: found \"\", expected the name of a Secret with the API key; create it with kubectl create secret generic" }}
{{- end }}
{{- if and .standby.enabled (not .database.existingSecret) }}
{{- fail "standby.enabled: found true without database.existingSecret, expected a Secret with the URL of a PostgreSQL database that both pods use; set it" }}
{{- end }}
{{- if and .standby.enabled (not .callerKey.existingSecret) }}
{{- fail "standby.enabled: found true without callerKey.existingSecret, expected a Secret with the caller key that both pods use; set it" }}
{{- end }}
{{- if and .database.existingSecret (not .persistence.enabled) (not .callerKey.existingSecret) }}
{{- fail "persistence.enabled: found false with database.existingSecret, expected callerKey.existingSecret, because a new pod would create another caller key, with which it cannot use the archive; set it" }}
{{- end }}
{{- if and .webhook.enabled (not .webhook.existingSecret) }}
{{- fail "webhook.enabled: found true without webhook.existingSecret, expected a Secret with the webhook's token; set it" }}
{{- end }}
{{- if and .ingress.enabled (not .webhook.enabled) }}
{{- fail "ingress.enabled: found true without webhook.enabled, expected a webhook, because the Ingress has no other path; enable both or none" }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.host) }}
{{- fail "ingress.host: found \"\", expected the host name of the webhook's URL; set it" }}
{{- end }}
{{- if and .grafanaLive.url (not .grafanaLive.existingSecret) }}
{{- fail "grafanaLive.url: found an address without grafanaLive.existingSecret, expected a Secret with the token of a service account; set it" }}
{{- end }}
{{- $instead := dict
  "aircall.api_id" "credentials.existingSecret"
  "aircall.api_token" "credentials.existingSecret"
  "aircall.api_token_file" "credentials.existingSecret"
  "storage.url" "database.existingSecret"
  "storage.key_file" "callerKey.existingSecret"
  "storage.standby" "standby.enabled"
  "webhook.token" "webhook.existingSecret"
  "webhook.token_file" "webhook.existingSecret"
  "webhook.listen_address" "webhook.enabled"
  "grafana_live.url" "grafanaLive.url"
  "grafana_live.token_file" "grafanaLive.existingSecret" }}
{{- range $path, $value := $instead }}
{{- $section := get $.Values.config (dir (replace "." "/" $path)) }}
{{- if and (kindIs "map" $section) (hasKey $section (base (replace "." "/" $path))) }}
{{- fail (printf "config.%s: found a value, expected none, because %s sets it; remove it" $path $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
