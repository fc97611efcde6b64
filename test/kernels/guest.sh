#!/bin/sh
# What a guest does: has the kernel load BPF objects, has sonde record known programs, and leaves everything that was said
# in the shared directory, for verdicts.ts to judge. Run by init.sh on this machine's root, whose changes go nowhere.
root=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t tmpfs run /run
mkdir -p /dev/pts /dev/shm /run/work /run/out
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tracefs trace /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out /run/out || exec /bin/busybox poweroff -f
cd /run/work || exec /bin/busybox poweroff -f

# What this run wants: NODE, WORKLOAD, OBJECTS, STEPS, HERTZ, SECONDS_EACH; PATIENCE, in seconds, with each command.
. /run/out/wishes
. "$root/scripts/supported-node.sh"
# shellcheck disable=SC2086  # the flags are words
sonde() { timeout -k 2 "$PATIENCE" "$NODE" $SONDE_NODE_FLAGS "$root/dist/sonde.mjs" "$@"; }

uptime() { cut -d' ' -f1 /proc/uptime; }
# step NAME COMMAND…: what it says and how it ends goes out, as do the files NAME.* that it makes.
step() {
  name=$1
  shift
  since=$(uptime)
  "$@" >"/run/out/$name.stdout" 2>"/run/out/$name.stderr"
  echo "$? $since $(uptime)" >"/run/out/$name.status"
  for file in "$name".*; do [ ! -f "$file" ] || cp "$file" /run/out/; done
}

facts() {
  echo "release $(uname -r)"
  echo "btf $(cat /sys/kernel/btf/vmlinux 2>/dev/null | wc -c)"
  echo "cpus $(nproc)"
  echo "cgroup controllers $(cat /sys/fs/cgroup/cgroup.controllers)"
  echo "cgroup v1 controllers $(grep -v '^#' /proc/cgroups | cut -f1 | xargs)"
  echo "event sources $(ls /sys/bus/event_source/devices | xargs)"
  echo "perf_event_paranoid $(cat /proc/sys/kernel/perf_event_paranoid)"
  echo "unprivileged_bpf_disabled $(cat /proc/sys/kernel/unprivileged_bpf_disabled)"
  echo "kptr_restrict $(cat /proc/sys/kernel/kptr_restrict)"
  echo "memlock $(ulimit -l)"
}

# Into perf.data only: to name what was sampled is left to report, which has more time for it.
recording() {
  sampler=$1
  sonde record -a --sampler "$sampler" -F "$HERTZ" -o "record-$sampler.data" --summary "record-$sampler.json" -- \
    sh "$root/test/kernels/load.sh" "$WORKLOAD" "$SECONDS_EACH"
  code=$?
  # shellcheck disable=SC2046  # numbers of processes are words
  kill -9 $(cat /sys/fs/cgroup/sonde-*/cgroup.procs)
  return $code
}

# Every program of every object, as each compiler made it: `clang-16/sampler.bpf.o 0 1.2`, and what the kernel said.
load_objects() {
  for object in "$OBJECTS"/*/*.bpf.o; do
    [ -f "$object" ] || continue
    label=${object#"$OBJECTS"/}
    begun=$(uptime)
    timeout -k 2 "$PATIENCE" bpftool prog loadall "$object" "/sys/fs/bpf/$(echo "$label" | tr /. __)" >load.log 2>&1
    echo "$label $? $(echo "$(uptime) $begun" | awk '{ printf "%.1f", $1 - $2 }')"
    cat load.log >&2
  done
}

step facts facts
step objects load_objects
for wanted in $STEPS; do
  case $wanted in
    doctor) step doctor sonde doctor --json ;;
    record-*)
      step "$wanted" recording "${wanted#record-}"
      ;;
    # Here, because the kernel's functions are named by the kernel that runs.
    names-*) step "$wanted" sonde report --top 500 "record-${wanted#names-}.data" ;;
  esac
  echo "guest: $wanted, up $(uptime) s"
done
echo done >/run/out/done
sync
exec /bin/busybox poweroff -f
