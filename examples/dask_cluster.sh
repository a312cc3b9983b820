#!/bin/sh
# A batch on a cluster of one's own: the scheduler here, a worker on any machine that sees the same folders.
#
#   sh examples/dask_cluster.sh dailies/ rigs/ results/
set -eu
scheduler=$(mktemp -d)/scheduler.json
python -m dask scheduler --host 127.0.0.1 --port 0 --no-dashboard --scheduler-file "$scheduler" &
first=$!
python -m dask worker --scheduler-file "$scheduler" --nworkers 2 --nthreads 1 --no-dashboard &
second=$!
trap 'kill $second $first' EXIT
while [ ! -s "$scheduler" ]; do sleep 1; done
address=$(python -c "import json, sys; print(json.load(open(sys.argv[1]))['address'])" "$scheduler")
mmface batch "$1" --rigs "$2" -o "$3" --scheduler "$address"
