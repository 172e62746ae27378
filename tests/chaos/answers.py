"""What the model of the chaos runs says when it is well: short answers, each in the shape its function wants."""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from PIL import Image

from chassis.testing.model_server import Asked, Reply, chat, failure, image

WORDS = 100  # of an article: the least that a task may ask for
_DATA = re.compile(r'<data name="(\w+)">\n(.*?)\n</data>', re.DOTALL)
_COUNT = re.compile(r"Propose (\d+) ideas")
_INSIDE = re.compile(r"and (\d+) pictures for the inside")


def answer(asked: Asked) -> Reply:
    """Return a good answer to a request of the ai service."""
    if asked.path.endswith("/images/generations"):
        return image(_picture(asked.headers.get("idempotency-key", "")))
    if not asked.path.endswith("/chat/completions"):
        return failure(404, f"There is no {asked.path} here.")
    form = asked.body["response_format"]["json_schema"]["name"]
    prompt = asked.body["messages"][-1]["content"]
    tag = hashlib.sha256(asked.headers.get("idempotency-key", "").encode()).hexdigest()[:6]
    written = {"generate_ideas": _ideas, "generate_content": _article, "generate_image_prompts": _prompts}[form]
    return chat(json.dumps(written(prompt, tag)), model=asked.body["model"])


def _data(prompt: str) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in _DATA.findall(prompt)}


def _number(pattern: re.Pattern[str], prompt: str) -> int:
    found = pattern.search(prompt)
    assert found, f"the prompt has changed its words: {pattern.pattern}"
    return int(found[1])


def _ideas(prompt: str, tag: str) -> Mapping[str, Any]:
    keywords = [keyword["text"] for keyword in _data(prompt)["cluster"]["keywords"]]
    return {
        "ideas": [
            {
                "title": f"{keywords[n % len(keywords)].title()} {tag} {n + 1}",
                "content_type": "post",
                "content_structure": "article",
                "primary_keyword": keywords[n % len(keywords)],
                "keywords": keywords[:5],
                "audience": "readers",
                "tone": "plain",
                "estimated_word_count": WORDS,
                "brief": "What a reader wants to know.",
                "outline": [{"heading": "What it is", "points": ["the least", "the most"]}],
            }
            for n in range(_number(_COUNT, prompt))
        ]
    }


def _article(prompt: str, tag: str) -> Mapping[str, Any]:
    data = _data(prompt)
    text = f"{data['primary_keyword']} is what this page is about. " * (WORDS // 10)
    return {
        "title": data["title"],
        "meta_title": data["title"],
        "meta_description": f"About {data['primary_keyword']}.",
        "excerpt": f"About {data['primary_keyword']}.",
        "html": f"<h2>{data['title']}</h2><p>{text}</p><p>{tag}</p>",
        "categories": ["Guides"],
        "tags": ["one", "two", "three"],
        "focus_keyword": data["primary_keyword"],
    }


def _prompts(prompt: str, tag: str) -> Mapping[str, Any]:
    title = _data(prompt)["title"]
    inside = _number(_INSIDE, prompt)
    kinds = [("featured", 0), *(("in_article", n) for n in range(inside))]
    return {
        "prompts": [
            {"type": kind, "position": n, "prompt": f"{title}, picture {tag} {kind} {n}", "alt_text": title}
            for kind, n in kinds
        ]
    }


@cache
def _coloured(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), (shade, 96, 160)).save(out, "PNG")
    return out.getvalue()


def _picture(key: str) -> bytes:
    """Return a small picture; one of 256, by the key."""
    return _coloured(hashlib.sha256(key.encode()).digest()[0])
