#!/bin/sh
# Deliveries as GitLab sends them. The address is that of `pointsman up`; give another as the first argument.
set -eu
base=${1:-http://127.0.0.1:2746}
to="$base/api/v1/events/default/"

# Opened: starts a Workflow with the branch. The answer says what each binding did.
pointsman send gitlab merge-request --to "$to" --secret argo-workflow-secret --set project.name=gogit

# Closed: stored, and the binding does not match.
pointsman send gitlab merge-request --to "$to" --secret argo-workflow-secret --set project.name=gogit \
  --set object_attributes.state=closed --set object_attributes.action=close
