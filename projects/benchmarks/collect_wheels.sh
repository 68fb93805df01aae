#!/usr/bin/env bash
# Collects the wheels that gpu_report.py needs on a machine without network: Linux on x86-64, Python 3.12, with torch,
# torchvision, timm, transformers, safetensors, numpy, scipy, matplotlib and pandas, and nothing of OpenMMLab.
#
#     bash projects/benchmarks/collect_wheels.sh DIR
#
# Then, on that machine, with DIR and a copy of this repository:
#
#     python3 -m pip install --no-index --no-deps --no-compile --target SITE DIR/*.whl
#     PYTHONPATH=SITE python3 projects/benchmarks/gpu_report.py --minutes 8 --out OUT
#
# PyAV (33 MiB) is left out: the videos of the training step are arrays. Exits with 1 if the wheels exceed 60 MiB.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: bash $0 DIR" >&2
    exit 2
fi
LIMIT_MIB=60
PYTHON=${PYTHON:-python3}
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PACKAGES=(
    mmengine mmcv-lite mmpretrain mmdet mmsegmentation mmaction2 open_clip_torch deepspeed
    # the last release below 50 MB whose compiled module works with NumPy 1 and 2
    opencv-python-headless==4.10.0.84
    # imported by mmengine and mmcv
    addict yapf platformdirs termcolor rich markdown-it-py mdurl pygments
    # imported by mmpretrain, mmdet, mmseg and mmaction2
    einops mat4py modelindex model-index lazy-importer markdown ordered-set importlib-metadata zipp
    pycocotools shapely terminaltables lvis prettytable ftfy regex six
    # a pure wheel; later ones are compiled and twenty times as large
    wcwidth==0.2.14
    # imported by the image-text shards
    webdataset braceexpand
    # imported by DeepSpeed
    hjson msgpack ninja psutil py-cpuinfo pydantic pydantic-core annotated-types typing-inspection tqdm
)

PLATFORMS=(--platform manylinux1_x86_64 --platform manylinux2010_x86_64 --platform manylinux2014_x86_64)
for minor in $(seq 5 28); do
    PLATFORMS+=(--platform "manylinux_2_${minor}_x86_64")
done
COLLECTED=$(mktemp -d)
trap 'rm -rf "$COLLECTED"' EXIT

# requirements.txt has the tested versions; a constraint may not name extras
sed 's/\[[^]]*\]//' "$ROOT/requirements.txt" > "$COLLECTED/constraints.txt"
common=(--quiet --disable-pip-version-check --no-deps --constraint "$COLLECTED/constraints.txt")
for package in "${PACKAGES[@]}"; do
    if "$PYTHON" -m pip download "${common[@]}" --only-binary=:all: --python-version 3.12 --implementation cp \
        "${PLATFORMS[@]}" --dest "$COLLECTED" "$package" 2>"$COLLECTED/error"; then
        continue
    fi
    # a source distribution that is pure Python; DeepSpeed compiles its operators when they are first used
    mkdir "$COLLECTED/built"
    if DS_BUILD_OPS=0 "$PYTHON" -m pip wheel "${common[@]}" --wheel-dir "$COLLECTED/built" "$package" \
        2>>"$COLLECTED/error" && [ -n "$(find "$COLLECTED/built" -name '*-none-any.whl')" ]; then
        mv "$COLLECTED"/built/*.whl "$COLLECTED"
    else
        echo "left out: $package has no wheel for Python 3.12 on x86-64 and is not pure: $(tail -n 1 "$COLLECTED/error")"
    fi
    rm -r "$COLLECTED/built"
done
rm "$COLLECTED/error"

# pip reads any compression that Python's zipfile knows: LZMA saves a third of a compiled wheel
"$PYTHON" - "$COLLECTED" <<'PACK'
import sys
import zipfile
from pathlib import Path

for wheel in Path(sys.argv[1]).glob('*.whl'):
    if wheel.stat().st_size < 4 * 2**20:
        continue
    packed = wheel.with_suffix('.packed')
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(packed, 'w') as target:
        for member in source.infolist():
            target.writestr(member, source.read(member), compress_type=zipfile.ZIP_LZMA)
    packed.replace(wheel)
PACK

mkdir -p "$1"
rm -f "$1"/*.whl
mv "$COLLECTED"/*.whl "$1"
size=$(cat "$1"/*.whl | wc -c)
mib=$(awk "BEGIN { printf \"%.1f\", $size / 1048576 }")
echo "$(find "$1" -name '*.whl' | wc -l) wheels in $1, $mib MiB"
if [ "$size" -gt $((LIMIT_MIB * 1048576)) ]; then
    echo "error: the wheels have $mib MiB, more than $LIMIT_MIB MiB." >&2
    exit 1
fi
