#!/bin/sh
# A step: step.sh <user> <file of lines> <name> <deed>…
# Says that it has run, and does what is to be done at its how-manieth run it is; the last deed is for ever.
file=$2
name=$3
shift 3
echo "$name $JOB_ATTEMPT${JOB_REBOOTED:+ rebooted}" >> "$file"
runs=$(grep -c "^$name " "$file")
while [ "$runs" -gt 1 ] && [ $# -gt 1 ]; do
  shift
  runs=$((runs - 1))
done
case $1 in
  ok) exit 0 ;;
  fail) exit 3 ;;
  later) exit 21 ;;
  reboot) exit 194 ;;
  kill) kill -9 $PPID ;;
  stop)
    kill -TERM $PPID
    exec sleep 300
    ;;
  hang) exec sleep 300 ;;
  cancel)
    : > "$file.cancel"
    exec sleep 300
    ;;
  cancelled)
    : > "$file.cancel"
    until [ -e "$file.cancelled" ]; do sleep 0.02; done
    ;;
esac
