# Each of these scripts begins with this: as_user runs words as the user in $1 where there is one and sudo can be used,
# and otherwise as whoever runs the script. That is how AWS IoT Device Client's sample handlers take their first argument.
set -e
user=$1
shift
as_user() {
  if id "$user" >/dev/null 2>&1 && command -v sudo >/dev/null 2>&1; then
    sudo -u "$user" -n "$@"
  else
    "$@"
  fi
}
