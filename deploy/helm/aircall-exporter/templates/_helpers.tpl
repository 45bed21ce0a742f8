{{/* The name of all objects. A StatefulSet adds 11 characters for a label, whose limit is 63. */}}
{{- define "aircall-exporter.fullname" -}}
{{- $name := .Release.Name }}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end }}
{{- .Values.fullnameOverride | default $name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* The labels by which objects select the pods. */}}
{{- define "aircall-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of all objects. */}}
{{- define "aircall-exporter.labels" -}}
{{ include "aircall-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* The name of the ServiceAccount. */}}
{{- define "aircall-exporter.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "aircall-exporter.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* A path below the prefix, for a dictionary with the root and the path. */}}
{{- define "aircall-exporter.path" -}}
{{ trimSuffix "/" .root.Values.routePrefix }}{{ .path }}
{{- end }}

{{/* The secrets that the pod mounts, and the variables that name their files. */}}
{{- define "aircall-exporter.secrets" -}}
{{- with .Values }}
- {secret: {{ .credentials.existingSecret | quote }}, key: {{ .credentials.apiIdKey | quote }}, file: api-id, variable: AIRCALL_API_ID_FILE}
- {secret: {{ .credentials.existingSecret | quote }}, key: {{ .credentials.apiTokenKey | quote }}, file: api-token, variable: AIRCALL_API_TOKEN_FILE}
{{- with .database }}{{ if .existingSecret }}
- {secret: {{ .existingSecret | quote }}, key: {{ .urlKey | quote }}, file: storage-url, variable: AIRCALL_STORAGE_URL_FILE}
{{- end }}{{ end }}
{{- with .callerKey }}{{ if .existingSecret }}
- {secret: {{ .existingSecret | quote }}, key: {{ .key | quote }}, file: caller-key}
{{- end }}{{ end }}
{{- with .webhook }}{{ if .enabled }}
- {secret: {{ .existingSecret | quote }}, key: {{ .tokenKey | quote }}, file: webhook-token, variable: AIRCALL_WEBHOOK_TOKEN_FILE}
{{- end }}{{ end }}
{{- with .grafanaLive }}{{ if .url }}
- {secret: {{ .existingSecret | quote }}, key: {{ .tokenKey | quote }}, file: grafana-token, variable: AIRCALL_GRAFANA_LIVE_TOKEN_FILE}
{{- end }}{{ end }}
{{- end }}
{{- end }}

{{/* The settings: those of the user, and those that follow from other values. */}}
{{- define "aircall-exporter.config" -}}
{{- $storage := dict }}
{{- if .Values.standby.enabled }}
{{- $_ := set $storage "standby" true }}
{{- end }}
{{- if .Values.callerKey.existingSecret }}
{{- $_ := set $storage "key_file" "/run/secrets/aircall/caller-key" }}
{{- end }}
{{- $own := dict }}
{{- if $storage }}
{{- $_ := set $own "storage" $storage }}
{{- end }}
{{- if .Values.webhook.enabled }}
{{- $_ := set $own "webhook" (dict "listen_address" ":9980") }}
{{- end }}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}
