{{- define "millpond.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "millpond.selector" -}}
app.kubernetes.io/name: millpond
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "millpond.labels" -}}
{{ include "millpond.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "millpond.image" -}}
{{- $repository := required "image.repository: name where nodes get Millpond's own image from" .Values.image.repository -}}
{{- if .Values.image.digest }}{{ $repository }}@{{ .Values.image.digest }}{{ else }}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Reviews by pods of their own, which share a certificate. */}}
{{- define "millpond.standalone" -}}
{{- if and .Values.admission.enabled .Values.admission.tls.secretName }}true{{ end }}
{{- end }}

{{/* The service that API servers ask. */}}
{{- define "millpond.admissionName" -}}
{{ include "millpond.name" . }}-admission
{{- end }}

{{/* Beside the configuration, for pods that answer reviews. */}}
{{- define "millpond.clientCa" -}}
{{- if and .Values.admission.enabled .Values.admission.clientCa }}
client-ca.crt: |
  {{- .Values.admission.clientCa | trim | nindent 2 }}
{{- end }}
{{- end }}

{{- define "millpond.admissionEnv" -}}
- name: MILLPOND__ADMISSION__LISTEN
  value: https://0.0.0.0:8443
- name: MILLPOND__ADMISSION__HOSTS
  value: {{ printf "%s.%s.svc" (include "millpond.admissionName" .) .Release.Namespace }}
- name: MILLPOND__ADMISSION__EXCLUDENAMESPACES
  value: {{ append .Values.admission.excludeNamespaces .Release.Namespace | uniq | join "," | quote }}
- name: MILLPOND__ADMISSION__OWNIMAGES
  value: {{ .Values.image.repository | quote }}
{{- if .Values.admission.clientCa }}
- name: MILLPOND__ADMISSION__CLIENTCA
  value: /etc/millpond/client-ca.crt
{{- end }}
{{- if .Values.admission.tls.secretName }}
- name: MILLPOND__ADMISSION__TLS__CERTIFICATE
  value: /etc/millpond-admission/tls.crt
- name: MILLPOND__ADMISSION__TLS__KEY
  value: /etc/millpond-admission/tls.key
{{- else }}
- name: MILLPOND__ADMISSION__SELFSIGNED
  value: "true"
{{- end }}
{{- end }}

{{/* What every container of Millpond has. */}}
{{- define "millpond.container" -}}
image: {{ include "millpond.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/millpond/millpond.yaml]
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
livenessProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: operations}
  periodSeconds: 5
# Answers once everything of the start is done: the liveness probe waits for it, so that a first start on a slow disk is not killed and begun anew.
startupProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 2
  failureThreshold: {{ div (add .Values.startupSeconds 1) 2 }}
{{- end }}

{{- define "millpond.pod" -}}
automountServiceAccountToken: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
# Longer than shutdown.grace, so that running pulls can end.
terminationGracePeriodSeconds: 60
{{- end }}

{{/* What there is of `config` for reviews alone: names and what may be pulled by them. How an upstream is reached, and who may pull, is none of their business. */}}
{{- define "millpond.reviewConfig" -}}
{{- $config := pick .Values.config "presets" "publicUrl" "admission" "log" "shutdown" -}}
{{- $rules := list -}}
{{- range .Values.config.rules -}}
{{- $rule := pick . "prefix" "upstream" "upstreamRepositoryPrefix" "anonymous" "allow" "deny" "hosts" -}}
{{- if hasKey . "credential" -}}{{- $rule = set $rule "anonymous" true -}}{{- end -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- if $rules -}}{{- $config = set $config "rules" $rules -}}{{- end -}}
{{- toYaml $config -}}
{{- end }}

{{- define "millpond.podMeta" -}}
annotations:
  # A change of the configuration is a change of the pods.
  checksum/config: {{ print (toYaml .Values.config) .Values.admission.clientCa | sha256sum }}
  # Whatever reviews there are, by this server or another.
  millpond.dev/rewrite: "false"
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
