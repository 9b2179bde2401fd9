# shellcheck disable=SC2068
as_user apt-get remove -y --purge $@
