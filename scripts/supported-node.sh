# Sourced. find_supported_node ROOT sets SUPPORTED_NODE: the system's Node if it is new enough,
# otherwise the one that npm brought (docs/decisions/0002-node-24-from-npm.md).

# What keeps the agent small: a small young generation, since it allocates in windows; one thread for V8's own work; and
# no third compiler, whose work costs 6 MB and more CPU than it saves here (68 instead of 75 MB in all).
# The experimental warning is about stripping types, which development relies on.
SONDE_NODE_FLAGS='--max-semi-space-size=1 --v8-pool-size=1 --no-turbofan --disable-warning=ExperimentalWarning'

# As `engines` in package.json: 22.22 or later.
node_is_supported() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  [ "$major" -gt 22 ] 2>/dev/null || { [ "$major" -eq 22 ] && [ "$minor" -ge 22 ]; } 2>/dev/null
}

find_supported_node() {
  SUPPORTED_NODE=$(command -v node) && node_is_supported "$SUPPORTED_NODE" && return 0
  case $(uname -m) in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) arch=unknown ;;
  esac
  SUPPORTED_NODE=$1/node_modules/node-linux-$arch/bin/node
  node_is_supported "$SUPPORTED_NODE" && return 0
  {
    echo "sonde: needs Node.js 22.22 or later; found $(node --version 2>/dev/null || echo none) and no packaged one."
    echo "Run npm ci (without --omit=optional) in $1, or install a current Node.js."
  } >&2
  return 1
}
