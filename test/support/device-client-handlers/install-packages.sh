# Packages, as several arguments or as one with spaces between.
# shellcheck disable=SC2068
as_user apt-get install -y $@
