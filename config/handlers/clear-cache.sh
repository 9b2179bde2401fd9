#!/bin/sh
# Empties the cache of an application: what is in /var/cache/<application>, and not the directory itself.
#
#   { "version": "1.0", "steps": [{ "action": { "name": "Clear", "type": "runHandler",
#     "input": { "handler": "clear-cache.sh", "args": ["my-app"], "path": "default" } } }] }
#
# Run twice it does what it does once: a step that was cut off runs again from its beginning.
set -eu

# $1 is the user that the step runs as, or empty: the agent's own. The document's args come after it.
application=${2-}
root=${CACHE_ROOT:-/var/cache} # a step may set it in its "environment"

# Lines of JSON on this descriptor reach the cloud while the step runs. It may be missing (runAsUser through sudo).
progress() {
  if [ -n "${JOB_PROGRESS_FD-}" ]; then printf '%s\n' "$1" >&"$JOB_PROGRESS_FD"; fi
}

case $application in
  '' | . | .. | */*)
    echo "expected the name of an application, got \"$application\"" >&2
    exit 1
    ;;
esac
cache=$root/$application

if [ ! -d "$cache" ]; then
  echo "there is no $cache: nothing to do"
  exit 0
fi

if [ -e "$cache/.lock" ]; then
  echo "$application is using its cache"
  exit 21 # not now: the agent tries again later
fi

progress '{"percent":0,"message":"clearing"}'
find "$cache" -mindepth 1 -delete
progress "{\"percent\":100,\"message\":\"cleared\",\"details\":{\"attempt\":$JOB_ATTEMPT}}"
