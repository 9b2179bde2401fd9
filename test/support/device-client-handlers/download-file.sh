# <url> <file or directory>
if [ -d "$2" ]; then
  as_user wget -q -P "$2" "$1"
else
  as_user wget -q -O "$2" "$1"
fi
