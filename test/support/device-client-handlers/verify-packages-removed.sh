# shellcheck disable=SC2068
for package in $@; do
  if as_user dpkg -s "$package" >/dev/null 2>&1; then
    echo "$package is still there" >&2
    exit 1
  fi
done
