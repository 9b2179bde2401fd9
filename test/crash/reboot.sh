# The command that makes the device start anew, where that is a lane's directory: the one it is in.
cd "${0%/*}" || exit 2
file=$(cat job).lines
echo REBOOT >> "$file"
asked=$(grep -c '^REBOOT$' "$file")
# shellcheck disable=SC2046 # words, on purpose
set -- $(cat reboots)
while [ "$asked" -gt 1 ] && [ $# -gt 1 ]; do
  shift
  asked=$((asked - 1))
done
case $1 in
  boots)
    echo another >> boot
    kill -9 $PPID
    ;;
  bounces) kill -9 $PPID ;;
  refuses)
    echo 'not now' >&2
    exit 1
    ;;
esac
