#!/bin/sh
# Deliveries as GitLab sends them. The address is that of `pointsman up`; give another as the first argument.
set -eu
base=${1:-http://127.0.0.1:12000}

# Opened: starts a Workflow with the branch and the number.
pointsman send gitlab merge-request --to "$base/push" --secret open-sesame

# Closed: stored, and filtered by the Sensor.
pointsman send gitlab merge-request --to "$base/push" --secret open-sesame \
  --set object_attributes.state=closed --set object_attributes.action=close

# A new release branch: starts a Workflow of the other Sensor.
pointsman send gitlab push --to "$base/al-cloud-push" --secret open-sesame \
  --set ref=refs/heads/release-1.4 --set before=0000000000000000000000000000000000000000
