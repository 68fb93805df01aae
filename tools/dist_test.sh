#!/usr/bin/env bash
# bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]
#
# On several nodes, start it on each with NNODES, NODE_RANK, MASTER_ADDR (of node 0) and PORT set. When one node is lost
# the others end too: at once where its connections close, else after env_cfg.dist_cfg.timeout seconds.
set -euo pipefail
CONFIG=${1:?usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options]}
CHECKPOINT=${2:?usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options]}
GPUS=${3:?usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options]}
exec "${PYTHON:-python}" -m eva_mm.apis.launch \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$GPUS" \
    "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
