#!/bin/sh
# npm start: set up what running needs, then become the agent. Arguments go to `sonde run`.
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
"$root/scripts/setup.sh" run || exit 1
exec "$root/scripts/sonde" run "$@"
