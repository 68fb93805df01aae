"""Measure an index of 30 million made-up images: time to open, memory of several processes, speed of random access.

    python projects/benchmarks/measure_merged_index.py --folder /tmp/merged_index --images 30000000 --processes 8

Writes an index as large as that of the paper's sources (numbers and lengths of names as theirs, positions made up, no
images), drops it from the page cache where the system allows it, and opens it in several processes that each look up
random images and at last all of a large random sample. Prints and writes json. PSS shares a page's memory among the
processes that map it, so its sum is what the node holds.
"""

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Write, open, look up, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folder', type=Path, required=True, help='for the index; about 0.5 GB for 30 million images')
    parser.add_argument('--images', type=int, default=30_000_000)
    parser.add_argument('--processes', type=int, default=8)
    parser.add_argument('--lookups', type=int, default=200_000, help='random images in each process')
    parser.add_argument('--out', type=Path, help='json file')
    args = parser.parse_args()
    # after the arguments are known: torch takes seconds to import
    from made_up_index import drop_from_cache, measure, write

    from eva_mm.datasets.merged.index import MergedIndex

    seconds = write(args.folder, args.images)
    sizes = {path.name: path.stat().st_size for path in args.folder.iterdir()}
    drop_from_cache(args.folder)
    begin = time.perf_counter()
    index = MergedIndex.open(args.folder)
    cold = time.perf_counter() - begin
    found = measure(args.folder, args.processes, args.lookups)
    added = [each['after']['Pss'] - each['before']['Pss'] for each in found]
    report = dict(
        images=len(index),
        containers=len(index._containers),
        write_s=round(seconds, 1),
        files_mb={name: round(size / 2**20, 1) for name, size in sizes.items()},
        open_cold_s=round(cold, 3),
        open_s=[round(each['open_s'], 3) for each in found],
        lookups_per_core_s=[round(each['lookups_per_core_s']) for each in found],
        index_pss_mb=[round(each['after']['Pss_File'] - each['before']['Pss_File'], 1) for each in found],
        index_pss_sum_mb=round(sum(each['after']['Pss_File'] - each['before']['Pss_File'] for each in found), 1),
        own_memory_added_mb=[round(each['after']['Pss_Anon'] - each['before']['Pss_Anon'], 1) for each in found],
        pss_added_sum_mb=round(sum(added), 1),
        rss_mb=[round(each['after']['Rss'], 1) for each in found],
    )
    text = json.dumps(report, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text)


if __name__ == '__main__':
    main()
