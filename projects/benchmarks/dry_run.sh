#!/usr/bin/env bash
# The dry run of gpu_report.py on a CPU by a Python 3.12 that has what a bare GPU machine has, and the collected wheels.
#
#     bash projects/benchmarks/dry_run.sh [PYTHON]        # downloads about 3 GB into work_dirs/gpu_report_dry_run
#
# Fails if the report fails or takes more than three minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."

PYTHON=${1:-python3.12}
WORK=work_dirs/gpu_report_dry_run
RUN=$WORK/venv/bin/python
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then
    echo "error: $PYTHON is not a Python 3.12: name one, for instance bash $0 /usr/bin/python3.12" >&2
    exit 2
fi
if [ ! -x "$RUN" ]; then
    "$PYTHON" -m venv "$WORK/venv"
    "$RUN" -m pip install --quiet --constraint <(sed 's/\[[^]]*\]//' requirements.txt) \
        torch torchvision timm transformers safetensors numpy scipy matplotlib pandas
fi
PYTHON=$RUN bash projects/benchmarks/collect_wheels.sh "$WORK/wheels"
rm -rf "$WORK/site"
"$RUN" -m pip install --quiet --no-index --no-deps --no-compile --target "$WORK/site" "$WORK"/wheels/*.whl
start=$SECONDS
PYTHONPATH=$WORK/site "$RUN" projects/benchmarks/gpu_report.py --device cpu --size nano --minutes 10 --out "$WORK/report"
seconds=$((SECONDS - start))
echo "the dry run took $seconds s"
if [ "$seconds" -gt 180 ]; then
    echo "error: it may take 180 s." >&2
    exit 1
fi
