"""Between JSON and messages, compiled once for each message type from its descriptor.

| field            | JSON                                                                                        |
|------------------|---------------------------------------------------------------------------------------------|
| any              | under its own name, snake_case, always there in answers                                     |
| string `x_json`  | `x`, a JSON object, not a text with JSON in it                                              |
| int32, int64     | a number                                                                                    |
| enum             | the value's name without its prefix, in lower case; unspecified is null                     |
| Timestamp        | RFC 3339 in UTC: "2026-11-22T08:00:00Z", with microseconds where there are any; absent is null |
| FieldMask        | "name,volume"                                                                               |
| optional scalar  | null when absent                                                                            |
| message          | an object; null when absent                                                                 |
| INPUT_ONLY       | read, never written                                                                         |
"""

from gateway.convert.reading import Reader, reader
from gateway.convert.writing import Writer, writer

__all__ = ["Reader", "Writer", "reader", "writer"]
