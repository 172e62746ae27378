"""A gateway without a socket: it answers from a script, and remembers what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cli.api import Api, Event, Json


@dataclass
class FakeApi(Api):
    """Answers GET from a script of states, and streams from a script of events.

    Args:
        answers: what each GET of a run gives in turn, an exception to be raised among them; the last one stays.
        pages: what a GET of another path gives, by the path's end.
        posts: what was posted, and where to; each is answered with what `posted` gives for the path's end.
        streams: what each opened stream gives, an exception to be raised among them.
    """

    answers: list[Json | Exception]
    streams: list[list[Event] | Exception] = field(default_factory=list)
    resumed_after: list[str] = field(default_factory=list)
    pages: dict[str, Json] = field(default_factory=dict)
    posted: dict[str, Json] = field(default_factory=dict)
    posts: list[tuple[str, Json]] = field(default_factory=list)
    queries: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__("http://gateway.test")

    def get(self, path: str, **query: object) -> Json:
        self.queries.append(query)
        for end, page in self.pages.items():
            if path.endswith(end):
                return page
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, path: str, body: Json | None = None) -> Json:
        self.posts.append((path, body or {}))
        return next((answer for end, answer in self.posted.items() if path.endswith(end)), {})

    @contextmanager
    def events(self, run_id: str, after: str) -> Iterator[Iterator[Event]]:
        del run_id
        self.resumed_after.append(after)
        script = self.streams.pop(0) if self.streams else []
        if isinstance(script, Exception):
            raise script
        yield iter(script)
