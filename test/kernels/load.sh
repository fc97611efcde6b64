#!/bin/sh
# load.sh PROGRAM SECONDS: two known loads, one a CPU, each in a cgroup of its own: the program of known shares, and yes,
# which does little but call the kernel. Ends after so long; they go on for a minute, since what Linux 5.10 does not tell of
# a program's file is read as long as the program lives.
program=$1 seconds=$2
# in_cgroup NAME COMMAND…
in_cgroup() {
  mkdir -p "/sys/fs/cgroup/$1"
  echo 0 >"/sys/fs/cgroup/$1/cgroup.procs"
  shift
  exec "$@" >/dev/null 2>&1
}
in_cgroup sonde-yes timeout 60 yes &
in_cgroup sonde-shares "$program" 60 &
exec sleep "$seconds"
