#!/usr/bin/env bash
# A real Slurm of one node on this machine, for tests: everything it writes is in one folder, and nothing listens beyond
# the loopback address. Needs root, and Debian's packages: apt-get install slurm-wlm munge
#
#   tools/pretend_slurm.sh start FOLDER   start it; then: export SLURM_CONF=FOLDER/slurm.conf
#   tools/pretend_slurm.sh stop FOLDER    stop it, with its jobs
set -euo pipefail

usage() { sed -n '5,6s/^# *//p' "$0" >&2; exit 2; }
[ $# -eq 2 ] || usage
command=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
export SLURM_CONF=$folder/slurm.conf

fail() { echo "pretend_slurm: $*" >&2; exit 1; }

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

stop() {
    if [ -f "$folder/ctld.pid" ]; then
        scancel --user="$(id -un)" 2>/dev/null || true
        sleep 1
    fi
    for name in slurmd ctld munge; do
        [ -f "$folder/$name.pid" ] || continue
        pid=$(cat "$folder/$name.pid")
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null || true
        rm -f "$folder/$name.pid"
    done
}

start() {
    for program in munged slurmctld slurmd sinfo; do
        command -v "$program" >/dev/null || fail "no $program here; apt-get install slurm-wlm munge"
    done
    [ "$(id -u)" -eq 0 ] || fail "it must be started by root"
    host=$(hostname -s)
    mkdir -p "$folder/state" "$folder/spool"
    chmod 755 "$folder"
    [ -f "$folder/munge.key" ] || head -c 1024 /dev/urandom >"$folder/munge.key"
    chmod 600 "$folder/munge.key"
    # Credentials live 5 s: a requeued job waits as long before it starts again.
    cat >"$SLURM_CONF" <<CONF
ClusterName=pretend
SlurmctldHost=$host(127.0.0.1)
SlurmctldAddr=127.0.0.1
SlurmctldPort=$(port)
SlurmdPort=$(port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/ctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/ctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=30
PropagatePrioProcess=1
SlurmctldTimeout=30
SlurmdTimeout=300
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=1,sched_interval=1
CommunicationParameters=NoInAddrAny
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4096 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
        --log-file="$folder/munge.log" --seed-file="$folder/munge.seed" || fail "munged does not start; $folder/munge.log"
    slurmctld -c || fail "slurmctld does not start; see $folder/ctld.log"
    slurmd || fail "slurmd does not start; see $folder/slurmd.log"
    for _ in $(seq 60); do
        if [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; then
            echo "export SLURM_CONF=$SLURM_CONF"
            return
        fi
        sleep 0.5
    done
    fail "the node does not come up; see $folder/ctld.log and $folder/slurmd.log"
}

case $command in
start)
    trap stop EXIT # what has been started, if the rest fails
    start
    trap - EXIT
    ;;
stop) stop ;;
*) usage ;;
esac
