#!/usr/bin/env bash
# Runs a command beside a temporary Slurm: two nodes of one core on this machine, always removed at the end.
#
#     tests/support/slurm.sh python -m pytest -rs tests/runs/slurm_test.py
set -euo pipefail

fail() { echo "slurm.sh: $1" >&2; exit 2; }
[ $# -gt 0 ] || fail "usage: tests/support/slurm.sh COMMAND..."
[ "$(id -u)" = 0 ] || fail "Slurm's daemons need root: sudo make slurm-test"
if ! type munged slurmctld slurmd sbatch >/dev/null 2>&1; then
    command -v apt-get >/dev/null || fail "Slurm is not installed, and apt-get is missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge \
        >/dev/null || fail "apt-get could not install Slurm"
fi

dir=$(mktemp -d) pids=() child=
clean() {
    status=$?
    trap - EXIT INT TERM
    [ -z "$child" ] || kill "$child" 2>/dev/null || true
    scancel --user=root 2>/dev/null || true
    for _ in $(seq 40); do [ -n "$(squeue --noheader 2>/dev/null)" ] || break; sleep 0.5; done
    [ $status = 0 ] || tail -n 15 "$dir"/*.log >&2 || true
    [ ${#pids[@]} = 0 ] || { kill "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; } || true
    rm -rf "$dir"
    exit $status
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start() { # in a session of its own, so that Ctrl-C does not stop it before the jobs
    setsid "$@" >>"$dir/daemons.log" 2>&1 &
    pids+=($!)
}

chmod 755 "$dir"
mkdir "$dir/state" "$dir/n1" "$dir/n2"
host=$(hostname -s)
cat >"$dir/slurm.conf" <<CONF
ClusterName=jaxtex
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/linear
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[16818-16819] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$dir/slurm.conf

(umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key")
start munged --foreground --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munged.seed"
start slurmctld -D -f "$SLURM_CONF"
for node in n1 n2; do start slurmd -D -N $node -f "$SLURM_CONF"; done
for _ in $(seq 60); do
    [ "$(sinfo --noheader --format=%D --states=idle 2>/dev/null)" = 2 ] && break
    sleep 0.5
done
sinfo
[ "$(sinfo --noheader --format=%D --states=idle)" = 2 ] || fail "Slurm did not start"

export JAXTEX_SLURM=1
"$@" &
child=$!
wait $child
