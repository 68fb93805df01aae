#!/usr/bin/env bash
# bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
#
# GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5), SRUN_ARGS and PYTHON may be set; GRES= (empty) asks for no GPU.
#
# With REQUEUE=1 the run is submitted as a batch job instead (SBATCH_ARGS may be set) that survives pre-emption and the
# time limit: eva_mm.PreemptionHook saves when Slurm sends SIGTERM, or SIGUSR1 two minutes before the limit, and exits
# with 75; the job is then queued again and started with --resume. Slurm requeues batch jobs only. To stop a job by hand
# use scancel --signal=TERM or USR1 without --full: srun kills its tasks when it gets SIGTERM itself, and the job goes on
# from its last checkpoint.
set -euo pipefail
USAGE='usage: bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options]'
PARTITION=${1:?$USAGE} JOB_NAME=${2:?$USAGE} CONFIG=${3:?$USAGE}
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}
GRES=${GRES-gpu:$GPUS_PER_NODE}
# tasks on a node; a job with fewer GPUS than a node has must not ask for more
TASKS_PER_NODE=$((GPUS < GPUS_PER_NODE ? GPUS : GPUS_PER_NODE))
TOOLS=$(dirname "$(realpath "$0")")
SIZE=(-p "$PARTITION" --job-name="$JOB_NAME" --ntasks="$GPUS" --ntasks-per-node="$TASKS_PER_NODE"
    --cpus-per-task="${CPUS_PER_TASK:-5}" ${GRES:+--gres="$GRES"})
RUN=("${PYTHON:-python}" -u "$TOOLS/train.py" "$CONFIG" --launcher slurm "${@:4}")

if [[ -z ${REQUEUE:-} ]]; then
    # shellcheck disable=SC2086
    exec srun "${SIZE[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} "${RUN[@]}"
fi
if [[ -z ${SLURM_JOB_ID:-} ]]; then
    # shellcheck disable=SC2086
    exec sbatch "${SIZE[@]}" --requeue --open-mode=append --signal=USR1@120 ${SBATCH_ARGS:-} \
        --wrap "exec bash $(printf '%q ' "$TOOLS/slurm_train.sh" "$@")"
fi
[[ ${SLURM_RESTART_COUNT:-0} == 0 ]] || RUN+=(--resume)
export MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
# a task that has saved must not end the others before they have; this script must outlive a signal to the whole job
code=0 asked=
trap 'asked=1' TERM USR1
# shellcheck disable=SC2086
srun --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=0 --wait=60 ${SRUN_ARGS:-} "${RUN[@]}" || code=$?
# saved, or stopped by SIGTERM or SIGUSR1 before Python began, or killed by an srun that got the signal as well
[[ ! $code =~ ^(75|143|138)$ && -z $asked ]] || scontrol requeue "$SLURM_JOB_ID"
exit "$code"
