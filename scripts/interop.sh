#!/bin/sh
# npm run test:interop [-- FILE…]: test/interop against real servers: an OpenTelemetry Collector, Parca, Datadog's test agent, and
# the readers of others. Not part of npm test. What is missing of them is built into build/interop: minutes the first time,
# seconds afterwards. What cannot be had is said, and its tests skip with the reason.
#
#   SONDE_INTEROP_DIR   a directory that has them already, laid out as build/interop; what it lacks is built there
#   PROFCHECK           the binary of sig-profiling's profcheck, which no module proxy serves
#   SONDE_INTEROP_LONG  1: outages of 5 minutes instead of 20 seconds
#
# Needs Go 1.26 or later with a module proxy, python3 with venv, and pip's index.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
if [ "${1:-}" = --no-setup ]; then shift; else scripts/setup.sh run || exit 1; fi
. scripts/supported-node.sh
find_supported_node "$root" || exit 1

mkdir -p "${SONDE_INTEROP_DIR:=build/interop}/bin" build/log || exit 1
SONDE_INTEROP_DIR=$(cd "$SONDE_INTEROP_DIR" && pwd -P) || exit 1
export SONDE_INTEROP_DIR
sources=$SONDE_INTEROP_DIR/src

COLLECTOR=v0.159.0
COLLECTOR_PROVIDERS=v1.65.0
PARCA=v0.28.0
OPENTELEMETRY_PROTO=1.45.2
TEST_AGENT=1.61.1
PROFILER_CLI=0.10.0

go_is_there() {
  version=$(go env GOVERSION) || return 1
  minor=${version#go1.}
  minor=${minor%%[!0-9]*}
  [ "${minor:-0}" -ge 26 ] || { echo "needs Go 1.26 or later in PATH; found $version"; return 1; }
  # Where the proxy has no version, a fall-back to the module's own host hides which one it was.
  GOPROXY=$(go env GOPROXY | sed 's/,direct$//')
  GOFLAGS=-buildvcs=false
  GOBIN=$SONDE_INTEROP_DIR/bin
  CGO_ENABLED=0
  GOWORK=off
  export GOPROXY GOFLAGS GOBIN CGO_ENABLED GOWORK
}

# The environment's provider is not used by the configuration, but the collector does not start without it.
collector() {
  go_is_there && mkdir -p "$sources" && cd "$sources" &&
    go install "go.opentelemetry.io/collector/cmd/builder@$COLLECTOR" || return 1
  cat >collector.yaml <<END
dist: {name: otelcol, output_path: $sources/otelcol}
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver $COLLECTOR
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/debugexporter $COLLECTOR
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter $COLLECTOR
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider $COLLECTOR_PROVIDERS
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider $COLLECTOR_PROVIDERS
END
  "$GOBIN/builder" --config collector.yaml && mv otelcol/otelcol "$GOBIN/otelcol"
}

# From a writable copy: go install asks for the list of versions, which not every proxy has. Its page is made by another
# tool chain, and is not needed.
parca() {
  go_is_there && rm -rf "$sources/parca" "$sources/module" && mkdir -p "$sources/module" &&
    cd "$sources/module" && go mod init module || return 1
  GOFLAGS='-buildvcs=false -mod=mod'
  go mod download -json "github.com/parca-dev/parca@$PARCA" >module.json || { cat module.json; return 1; }
  cp -r "$(sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p' module.json)" "$sources/parca" &&
    chmod -R u+w "$sources/parca" && cd "$sources/parca" && mkdir -p ui/packages/app/web/build &&
    echo '<!doctype html><title>Parca</title>' >ui/packages/app/web/build/index.html &&
    go build -o "$GOBIN/parca" ./cmd/parca
}

pprof() { go_is_there && go install github.com/google/pprof@latest; }

# Each in an environment of its own: the test agent pins an old opentelemetry-proto.
python_environment() {
  rm -rf "$SONDE_INTEROP_DIR/$1" && python3 -m venv "$SONDE_INTEROP_DIR/$1" || return 1
  "$SONDE_INTEROP_DIR/$1/bin/pip" install --quiet "$2" || return 1
  touch "$SONDE_INTEROP_DIR/$1/complete" && chmod +x "$SONDE_INTEROP_DIR/$1/complete"
}
decoder() { python_environment decoder "opentelemetry-proto==$OPENTELEMETRY_PROTO"; }
test_agent() { python_environment test-agent "ddapm-test-agent==$TEST_AGENT"; }

# Firefox Profiler's own reader and call trees, which run without a browser.
profiler_cli() {
  npm install --no-audit --no-fund --prefix "$SONDE_INTEROP_DIR/profiler-cli" "@firefox-devtools/profiler-cli@$PROFILER_CLI"
}

# obtain FILE HOW: unless it is there.
obtain() {
  [ ! -x "$SONDE_INTEROP_DIR/$1" ] || return 0
  log=$root/build/log/interop-$2.log
  echo "interop: building $2 (what it says is in build/log/interop-$2.log)" >&2
  started=$(date +%s)
  if ("$2") >"$log" 2>&1 && [ -x "$SONDE_INTEROP_DIR/$1" ]; then
    echo "interop: $2 built, $(($(date +%s) - started)) s" >&2
  else
    echo "interop: no $2, its tests skip: $(tail -n 1 "$log")" >&2
  fi
}
obtain bin/otelcol collector
obtain bin/parca parca
obtain bin/pprof pprof
obtain decoder/complete decoder
obtain test-agent/complete test_agent
obtain profiler-cli/node_modules/.bin/profiler-cli profiler_cli

[ $# -gt 0 ] || set -- test/interop/*.test.ts
# One file at a time: they sample the machine, and would sample each other.
exec "$SUPPORTED_NODE" --test --test-concurrency=1 --test-reporter=spec "$@"
