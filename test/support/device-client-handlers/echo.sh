printf '%s\n' "[$user]" "$@"
