#!/usr/bin/env bash
# Runs a unit test and keeps what it prints, for the check of the requirements.
# Usage: run.sh RESULTS PROGRAM [ARGUMENT...]
# SPDX-License-Identifier: BSD-3-Clause

set -euo pipefail

if (($# < 2)); then
  echo "usage: run.sh RESULTS PROGRAM [ARGUMENT...]" >&2
  exit 2
fi
results=$1
shift
mkdir -p -- "$(dirname -- "$results")"
"$@" | tee -- "$results"
