#!/bin/sh
# Pushes as GitHub sends them. The address is that of `pointsman up`; give another as the first argument.
set -eu
base=${1:-http://127.0.0.1:2746}
push() {
  pointsman send github push --to "$base/api/v1/events/default/" --secret open-sesame "$@"
}

# A page of the documentation and a service: both Workflows.
push --set 'commits.0.added=["docs/start.md"]' --set 'commits.0.modified=["services/cart/main.go"]'

# Only the documentation.
push --set 'commits.0.added=["docs/more.md"]' --set 'commits.0.modified=[]'

# Neither: a generated file of a service, and a file that is nobody's.
push --set 'commits.0.added=["services/cart/api.gen.go"]' --set 'commits.0.modified=["Makefile"]'
