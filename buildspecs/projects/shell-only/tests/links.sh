# Fails when a page links to a page that is not there.
status=0
for page in "$1"/*.html; do
    for target in $(sed -n 's/.*href="\([^"]*\)".*/\1/p' "$page"); do
        if [ ! -f "$1/$target" ]; then
            echo "${page##*/}: broken link to $target"
            status=1
        fi
    done
done
[ $status = 0 ] && echo "all links lead somewhere"
exit $status
