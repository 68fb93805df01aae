#!/usr/bin/env bash
# bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
#
# GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5), SRUN_ARGS and PYTHON may be set; GRES= (empty) asks for no GPU.
set -euo pipefail
USAGE='usage: bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]'
PARTITION=${1:?$USAGE} JOB_NAME=${2:?$USAGE} CONFIG=${3:?$USAGE} CHECKPOINT=${4:?$USAGE}
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}
GRES=${GRES-gpu:$GPUS_PER_NODE}
TASKS_PER_NODE=$((GPUS < GPUS_PER_NODE ? GPUS : GPUS_PER_NODE))
# shellcheck disable=SC2086
exec srun -p "$PARTITION" --job-name="$JOB_NAME" --ntasks="$GPUS" --ntasks-per-node="$TASKS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" ${GRES:+--gres="$GRES"} --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$(realpath "$0")")/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm "${@:5}"
