"""Adds two numbers: GET /add/2/40 answers 42. Writes the port it listens on to the file named as its argument."""

import http.server
import os
import sys


class Adder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = self.path.split("/")
        try:
            if parts[1] != "add":
                raise ValueError(parts[1])
            answer, status = str(int(parts[2]) + int(parts[3])), 200
        except (IndexError, ValueError):
            answer, status = "no such page", 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer.encode())


server = http.server.HTTPServer(("127.0.0.1", 0), Adder)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
