#!/bin/sh
# A push to main, signed as GitHub does it. The address is that of `pointsman up`; give another as the first argument.
set -eu
base=${1:-http://127.0.0.1:12000}

pointsman send github push --to "$base/push" --secret open-sesame
