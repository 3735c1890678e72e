{{- /* The name of everything: the release's, with the chart's unless it is in there already. */ -}}
{{- define "fisherwatch.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- /* What selects our pods; the name is the job's in Prometheus, which FisherwatchAgentDown looks for. */ -}}
{{- define "fisherwatch.selector" -}}
app.kubernetes.io/name: fisherwatch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fisherwatch.labels" -}}
{{ include "fisherwatch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "fisherwatch.image" -}}
{{- $tag := .Values.image.tag | default (printf "%s%s" .Chart.AppVersion (ternary "-cuda" "" .Values.gpu.enabled)) -}}
{{ .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{- /* agent.yaml: what values.config says, laid over what the pod is made like. The child process that tries a new graph
       gets half of the default limit: it counts against the container's, which is killed as a whole. */ -}}
{{- define "fisherwatch.config" -}}
{{- $made := dict
      "files" (dict "roots" (list "/ckpt") "probe" (dict "memoryBytes" 2147483648))
      "state" (dict "directory" "/var/lib/fisherwatch/state")
      "web" (dict "host" "0.0.0.0" "port" (int .Values.service.port)) -}}
{{- if .Values.gpu.enabled -}}
{{- $_ := set $made "device" "cuda:0" -}}
{{- end -}}
{{- if eq .Values.mode "sidecar" -}}
{{- $own := include "fisherwatch.name" . -}}
{{- $_ := set $made "kafka" (dict "topic" (printf "training-events-%s" $own) "groupId" $own) -}}
{{- else -}}
{{- /* One that restarts has its partitions back at once. */ -}}
{{- $_ := set $made "kafka" (dict "properties" (dict "group.instance.id" "${file:/etc/podinfo/name}")) -}}
{{- end -}}
{{ mergeOverwrite $made (deepCopy .Values.config) | toYaml }}
{{- end -}}

{{- define "fisherwatch.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "fisherwatch.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* The agent's container, less its restart policy. */ -}}
{{- define "fisherwatch.container" -}}
name: agent
image: {{ include "fisherwatch.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [agent, --config, /etc/fisherwatch/agent.yaml]
ports:
  - {name: http, containerPort: {{ .Values.service.port }}}
# Alive is enough: a broker that is away must not keep a training job from starting.
startupProbe:
  httpGet: {path: /livez, port: http, scheme: {{ .Values.probeScheme }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: http, scheme: {{ .Values.probeScheme }}}
  periodSeconds: 20
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: http, scheme: {{ .Values.probeScheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
{{- $resources := deepCopy .Values.resources }}
{{- if .Values.gpu.enabled }}
{{- $resources = mergeOverwrite $resources (dict "limits" (dict .Values.gpu.resource (.Values.gpu.count | int))) }}
{{- end }}
resources:
  {{- toYaml $resources | nindent 2 }}
securityContext:
  {{- include "fisherwatch.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/fisherwatch, readOnly: true}
  - {name: podinfo, mountPath: /etc/podinfo, readOnly: true}
  - {name: checkpoints, mountPath: /ckpt, readOnly: true}
  - {name: state, mountPath: /var/lib/fisherwatch}
  - {name: tmp, mountPath: /tmp}
  {{- range $index, $secret := .Values.secrets }}
  - {name: secret-{{ $index }}, mountPath: {{ $secret.path }}, readOnly: true}
  {{- end }}
{{- end -}}

{{- /* Volumes of a pod with an agent in it. */ -}}
{{- define "fisherwatch.volumes" -}}
- name: config
  configMap: {name: {{ include "fisherwatch.name" . }}}
- name: podinfo
  downwardAPI:
    items:
      - {path: name, fieldRef: {fieldPath: metadata.name}}
- name: checkpoints
  {{- if .Values.checkpoints.claim }}
  persistentVolumeClaim: {claimName: {{ .Values.checkpoints.claim }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: state
  {{- if .Values.state.claim }}
  persistentVolumeClaim: {claimName: {{ .Values.state.claim }}}
  {{- else if eq .Values.mode "standalone" }}
  persistentVolumeClaim: {claimName: {{ include "fisherwatch.name" . }}-state}
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: tmp
  emptyDir: {}
{{- range $index, $secret := .Values.secrets }}
- name: secret-{{ $index }}
  secret: {secretName: {{ $secret.name }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- /* Where a pod may run, and what it has none of. Service links would be read as configuration: FISHERWATCH_…. */ -}}
{{- define "fisherwatch.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
# The agent writes its last state within 25 s.
terminationGracePeriodSeconds: 40
securityContext:
  {{- include "fisherwatch.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "fisherwatch.podAnnotations" -}}
# A change of the configuration replaces the pods.
checksum/config: {{ include "fisherwatch.config" . | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}
