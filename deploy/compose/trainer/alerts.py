"""Prints the alerts that Alertmanager sends to port 9099: an example of a receiver."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

LONGEST = 1 << 20


class Alerts(BaseHTTPRequestHandler):
    """One line for each alert of a message."""

    def do_POST(self) -> None:
        """Answers 200 to what could be read, else 400."""
        try:
            length = min(int(self.headers.get("Content-Length", "0")), LONGEST)
            for alert in json.loads(self.rfile.read(length))["alerts"]:
                print(alert["status"], alert["labels"].get("alertname"), alert["annotations"].get("summary"))
            status = 200
        except (ValueError, KeyError, TypeError):
            status = 400
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing of the requests themselves."""


if __name__ == "__main__":
    HTTPServer(("", 9099), Alerts).serve_forever()
