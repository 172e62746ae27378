"""Prompt templates as text: reading, checking and versioning.

A template is Markdown with two parts, `# system` and `# user`, and `{{name}}` where a variable goes. Which variables
exist is the function's contract and stands in the platform template's front matter:

- `settings` are numbers and plain words (a count, a language). They may stand anywhere, in the middle of a sentence.
- `data` is what people wrote or imported. It may stand in the user part only, and the renderer puts it in a fence.
- `includes` are texts of the platform's own, chosen by a setting: `structure` by `content_structure`.

An account's override is the two parts without front matter, held to the same contract.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from services.ai.prompts.errors import BadTemplate, UnknownTemplate

FUNCTIONS = ("generate_content", "generate_ideas", "generate_image_prompts")
STRUCTURES = (
    "article", "attribute_archive", "business_page", "category_archive", "cluster_hub", "comparison", "general",
    "guide", "landing_page", "listicle", "product_page", "review", "service_page", "tag_archive",
)  # fmt: skip
MAX_CHARS = 20_000
PLACEHOLDER = re.compile(r"\{\{\s*(?P<name>[a-z_]+)\s*\}\}")
_LOOKALIKE = re.compile(r"\{\{|\}\}|\{%")
_PARTS = re.compile(r"\A\s*# system\s*\n(?P<system>.*?)^# user\s*\n(?P<user>.*)\Z", re.DOTALL | re.MULTILINE)
_FRONT = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class Template:
    """A template that has passed its checks. `version` identifies everything of ours that goes into the prompt."""

    name: str
    system: str
    user: str
    settings: frozenset[str]
    data: frozenset[str]
    includes: frozenset[str]
    version: str

    @property
    def variables(self) -> frozenset[str]:
        """Every name that may stand in a placeholder."""
        return self.settings | self.data | self.includes


@cache
def load(name: str) -> Template:
    """The platform's template of a function.

    Raises:
        UnknownTemplate: when there is no such function.
    """
    if name not in FUNCTIONS:
        raise UnknownTemplate(name, FUNCTIONS)
    text = _read(f"templates/{name}.md")
    found = _FRONT.match(text)
    if not found:
        raise BadTemplate(name, ["It has no front matter."])
    front = dict(line.split(":", 1) for line in found["front"].splitlines())
    names = {key: frozenset(front.get(key, "").replace(",", " ").split()) for key in ("settings", "data", "includes")}
    return _checked(name, found["body"], names["settings"], names["data"], names["includes"])


def override(name: str, text: str) -> Template:
    """An account's or a task's own text for a function, checked against the function's contract.

    Raises:
        UnknownTemplate: when there is no such function.
        BadTemplate: when the text is too long, lacks a part, uses an unknown variable, or puts data into the system
            part.
    """
    base = load(name)
    return _checked(name, text, base.settings, base.data, base.includes)


def include(kind: str, value: str) -> str:
    """The platform's text that an include stands for.

    Raises:
        UnknownTemplate: when there is none for the value.
    """
    if kind != "structure" or value not in STRUCTURES:
        raise UnknownTemplate(f"{kind}/{value}", STRUCTURES)
    return _read(f"structures/{value}.md").strip()


def _checked(
    name: str, text: str, settings: frozenset[str], data: frozenset[str], includes: frozenset[str]
) -> Template:
    parts = _PARTS.match(text.replace("\r\n", "\n"))
    if len(text) > MAX_CHARS:
        raise BadTemplate(name, [f"It has {len(text):,} characters; at most {MAX_CHARS:,} are allowed."])
    if not parts:
        raise BadTemplate(name, ["It needs a part that begins with '# system' and then one with '# user'."])
    system, user = parts["system"].strip(), parts["user"].strip()
    problems = _problems(system, user, settings | data | includes, data)
    if problems:
        raise BadTemplate(name, problems)
    used = sorted(includes.intersection(_names(system + user)))
    included = "".join(_read(f"structures/{value}.md") for _ in used for value in STRUCTURES)
    digest = hashlib.sha256(f"{system}\0{user}\0{included}".encode()).hexdigest()
    return Template(name, system, user, settings, data, includes, digest[:12])


def _names(text: str) -> list[str]:
    return [m["name"] for m in PLACEHOLDER.finditer(text)]


def _problems(system: str, user: str, known: frozenset[str], data: frozenset[str]) -> list[str]:
    problems = []
    unknown = sorted(set(_names(system) + _names(user)) - known)
    if unknown:
        problems.append(f"Unknown variables: {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    misplaced = sorted(data.intersection(_names(system)))
    if misplaced:
        problems.append(f"Only in the user part may stand: {', '.join(misplaced)}.")
    if _LOOKALIKE.search(PLACEHOLDER.sub("", system + user)):
        problems.append("A '{{', '}}' or '{%' is not part of a {{variable}}.")
    if not system or not user:
        problems.append("Both parts need a text.")
    return problems


def _read(path: str) -> str:
    return resources.files(__package__).joinpath(path).read_text("utf-8")
