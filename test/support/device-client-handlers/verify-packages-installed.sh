# shellcheck disable=SC2068
for package in $@; do
  as_user dpkg -s "$package" >/dev/null || { echo "$package is not there" >&2; exit 1; }
done
