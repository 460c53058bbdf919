#!/bin/sh
# A push to a release branch, then an approval. The address is that of `pointsman up`; give another as the first argument.
set -eu
base=${1:-http://127.0.0.1:12000}

pointsman send github push --to "$base/push" --secret open-sesame --set ref=refs/heads/release-1.4
pointsman send github pull_request_review --to "$base/review" --secret open-sesame
