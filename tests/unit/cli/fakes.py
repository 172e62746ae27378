"""A gateway without a socket: it answers from a script, and remembers what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cli.api import Api, Event, Json


@dataclass
class FakeApi(Api):
    """Answers GET from a script of states, and streams from a script of events.

    Args:
        answers: what each GET gives in turn, an exception to be raised among them; the last one stays.
        streams: what each opened stream gives, an exception to be raised among them.
    """

    answers: list[Json | Exception]
    streams: list[list[Event] | Exception] = field(default_factory=list)
    resumed_after: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__("http://gateway.test")

    def get(self, path: str, **query: object) -> Json:
        del path, query
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @contextmanager
    def events(self, run_id: str, after: str) -> Iterator[Iterator[Event]]:
        del run_id
        self.resumed_after.append(after)
        script = self.streams.pop(0) if self.streams else []
        if isinstance(script, Exception):
            raise script
        yield iter(script)
