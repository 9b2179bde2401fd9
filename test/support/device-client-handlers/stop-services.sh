# shellcheck disable=SC2068
for service in $@; do as_user systemctl stop "$service"; done
