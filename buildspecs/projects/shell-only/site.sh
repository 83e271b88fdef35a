# Prints a page as HTML: its first line is the title, blank lines part paragraphs, [name] links to another page.
title=$(head -n 1 "$1")
printf '<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n<p>\n' "$title" "$title"
tail -n +2 "$1" | sed -e 's,^$,</p><p>,' -e 's,\[\([a-z]*\)\],<a href="\1.html">\1</a>,g'
printf '</p>\n'
