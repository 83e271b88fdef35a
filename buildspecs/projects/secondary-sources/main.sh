upper | sed "s/^/> /"
