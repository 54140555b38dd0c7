#!/usr/bin/env bash
# Tries `atari-dqn sweep --slurm` on a real Slurm cluster with one node: this machine. The script starts Slurm's daemons, keeps
# all their files in a temporary folder, and stops them at the end; it installs nothing. It submits two short runs of the
# built-in game. One is requeued, as by an administrator or a preemption; the other gets the signal that its time limit is
# near. Both must resume from their checkpoints and end with the network of an uninterrupted run, byte for byte, and the summary
# job must run after them. Takes about two minutes. With --limit Slurm itself sends the signal at the real time limit: seven
# minutes. The program is $ATARI_DQN_BINARY, or target/release/atari-dqn.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $# -gt 1 || ($# -eq 1 && $1 != --limit) ]]; then
    echo "usage: scripts/try_slurm.sh [--limit]    (after: cargo build --release)"
    [[ $1 == -h || $1 == --help ]]
    exit
fi
# Minutes a task may take: too few with --limit, as Slurm rounds them.
if [[ ${1-} == --limit ]]; then limit=3 steps=30000; else limit=10 steps=8000; fi

fail() {
    echo "error: $*" >&2
    exit 1
}

missing=()
for need in munged:munge slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client; do
    PATH=$PATH:/usr/sbin command -v "${need%:*}" >/dev/null || missing+=("${need#*:}")
done
[[ ${#missing[@]} -eq 0 ]] || fail "not installed: ${missing[*]} (on Debian: apt install ${missing[*]})"
PATH=$PATH:/usr/sbin
program=$(realpath -m "${ATARI_DQN_BINARY:-target/release/atari-dqn}")
[[ -x $program ]] || fail "$program does not exist; build it first: cargo build --release"

scratch=$(mktemp -d)
chmod 755 "$scratch" # munged insists on a folder that other users can enter
daemons=()
cleanup() {
    status=$?
    if [[ $status -ne 0 ]]; then
        tail -n 15 "$scratch"/*.log "$sweep"/slurm/*.log 2>/dev/null >&2 || true
    fi
    scancel --user "$(id -un)" 2>/dev/null || true
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
        kill "${daemons[i]}" 2>/dev/null || true
        wait "${daemons[i]}" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
sweep=$scratch/sweep
trap cleanup EXIT

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

# until_true SECONDS WHAT COMMAND...: waits until the command succeeds.
until_true() {
    local seconds=$1 what=$2
    shift 2
    for ((i = 0; i < 5 * seconds; i++)); do
        "$@" && return
        sleep 0.2
    done
    fail "after $seconds s still not: $what"
}

say "munged, slurmctld and slurmd start"
(umask 077 && head -c 1024 /dev/urandom >"$scratch/munge.key")
munged --foreground --key-file="$scratch/munge.key" --socket="$scratch/munge.socket" --pid-file="$scratch/munged.pid" \
    --log-file="$scratch/munged.log" --seed-file="$scratch/munge.seed" >"$scratch/munged.out.log" 2>&1 &
daemons+=($!)
until_true 10 "munged listens" test -S "$scratch/munge.socket"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }
export SLURM_CONF=$scratch/slurm.conf
mkdir "$scratch/state" "$scratch/spool"
cat >"$SLURM_CONF" <<CONF
ClusterName=try
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
# A requeued job starts only after its old credential has expired (default: two minutes).
AuthInfo=socket=$scratch/munge.socket,cred_expire=5
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
MailProg=/bin/true
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=try Nodes=ALL Default=YES State=UP
CONF
slurmctld -D -i >"$scratch/slurmctld.out.log" 2>&1 &
daemons+=($!)
slurmd -D >"$scratch/slurmd.out.log" 2>&1 &
daemons+=($!)
node_is_idle() { [[ $(sinfo --noheader --format=%t 2>/dev/null) == idle ]]; }
until_true 30 "the node is idle" node_is_idle
say "$(sinfo --version), $(sinfo --noheader --format='node %n, %c CPUs, %t')"

settings=(--roms bricks --preset bricks --seeds 2 --steps "$steps")
learning=()
for assignment in learning_starts_steps=200 replay_capacity=3000 metrics_every_steps=100 checkpoint_every_steps=500 \
    final_evaluation_episodes=4 evaluation_max_episode_frames=2000; do
    learning+=(--set "$assignment")
done
echo "\$ atari-dqn sweep ${settings[*]} --set ... --out SWEEP --slurm --time $limit"
"$program" sweep "${settings[@]}" "${learning[@]}" --out "$sweep" --slurm --time $limit | sed "s|$scratch|DIR|" | tee "$scratch/submitted"
array=$(sed -n 's/^job \([0-9]*\): .* runs;.*/\1/p' "$scratch/submitted")
summary=$(sed -n 's/^job \([0-9]*\): the summary.*/\1/p' "$scratch/submitted")

has_checkpoint() { ls "$sweep/bricks-bricks-s$1/checkpoints/"*.checkpoint >/dev/null 2>&1; }
has_said() { grep -q -- "$2" "$sweep/slurm/cell-$1.log" 2>/dev/null; }
has_ended() { [[ -z $(squeue --noheader --array --jobs="$1" 2>/dev/null) ]]; }
queue() { squeue --array --format='%.12i %.16j %.10T %.8M %R'; }

until_true 120 "run 0 has a checkpoint" has_checkpoint 0
queue
echo "\$ scontrol requeue ${array}_0"
scontrol requeue "${array}_0"
until_true 60 "run 0 stopped" has_said 0 "stopped after"
queue
until_true 120 "run 1 has a checkpoint" has_checkpoint 1
if [[ $limit == 10 ]]; then
    echo "\$ scancel --batch --signal=USR1 ${array}_1    # as Slurm does before the time limit"
    scancel --batch --signal=USR1 "${array}_1"
fi
until_true 200 "run 1 stopped" has_said 1 "stopped after"
queue
until_true 200 "run 0 continues" has_said 0 "continuing after step"
until_true 200 "run 1 continues" has_said 1 "continuing after step"
queue
until_true 500 "the runs have ended" has_ended "$array"
until_true 60 "the summary is there" test -s "$sweep/summary.md"
until_true 60 "the queue is empty" node_is_idle
scontrol show job "$summary" | grep -oE "JobState=\S+|StartTime=\S+" | xargs echo "job $summary, the summary:"

for cell in 0 1; do
    echo "--- slurm/cell-$cell.log"
    grep -E "^training|^stopped|^continuing|^trained" "$sweep/slurm/cell-$cell.log" | sed "s|$scratch|DIR|g"
done
for cell in 0 1; do
    # A task that dies with another one, or gets the signal twice, would end without saving.
    [[ $(grep -c "^stopped" "$sweep/slurm/cell-$cell.log") == $(grep -c "^continuing" "$sweep/slurm/cell-$cell.log") ]] ||
        fail "run $cell ended without saving a checkpoint"
done
echo "--- slurm/summary.log"
sed '/^The score/,$d' "$sweep/slurm/summary.log"

say "the same two runs, uninterrupted"
for seed in 0 1; do
    "$program" train --rom bricks --preset bricks --steps "$steps" "${learning[@]}" --seed $seed --run-dir "$scratch/alone-$seed" \
        >"$scratch/alone-$seed.log" 2>&1 &
    alone[seed]=$!
    daemons+=($!)
done
for seed in 0 1; do
    wait "${alone[seed]}" || fail "an uninterrupted run failed"
    cmp "$scratch/alone-$seed/model.safetensors" "$sweep/bricks-bricks-s$seed/model.safetensors" ||
        fail "run $seed did not end like an uninterrupted one"
done
say "equal: the networks of both, byte for byte"
