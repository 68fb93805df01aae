#!/usr/bin/env bash
# bash tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
#
# A run that is stopped by SIGTERM or SIGUSR1 saves and exits with 75; start it again with --resume. Ranks end with this
# process, however it ends.
#
# On several nodes, start it on each with NNODES, NODE_RANK, MASTER_ADDR (of node 0) and PORT set. When one node is lost
# the others end too: at once where its connections close, else after env_cfg.dist_cfg.timeout seconds.
set -euo pipefail
CONFIG=${1:?usage: bash tools/dist_train.sh CONFIG GPUS [options]}
GPUS=${2:?usage: bash tools/dist_train.sh CONFIG GPUS [options]}
exec "${PYTHON:-python}" -m eva_mm.apis.launch \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$GPUS" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "${@:3}"
