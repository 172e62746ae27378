"""Logs: one JSON object a line, found again by request id, without secrets."""

import json
import logging
import re
import sys
from datetime import UTC, datetime

from chassis import call

_SECRET = re.compile(
    r"(?i)(bearer\s+|password[\"']?\s*[:=]\s*[\"']?|api_?key[\"']?\s*[:=]\s*[\"']?|igny8_[a-z]+_)[^\s\"',}]+"
)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if call.request_id():
            line["request_id"] = call.request_id()
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def redact(text: str) -> str:
    """Return a text without what looks like a secret."""
    return _SECRET.sub(lambda match: match.group(1) + "[redacted]", text)


def set_up(service: str, level: str = "INFO") -> None:
    """Send this process's logs to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
