"""What a worker does for a step of each kind, call by call and commit by commit, when nothing goes wrong.

A call has its method's name; a commit, in small letters, that of what holds from then on.
"""

_START, _APPLY = ("ResolveSite",), ("sent", "ApplyWork")
_RESERVE, _CAPTURE = ("reserved", "Reserve"), ("Capture", "end")
FREE = (*_START, *_APPLY, "end")
PRICED = (*_START, *_RESERVE, *_APPLY, *_CAPTURE)
TEXT = (*_START, "PrepareWork", *_RESERVE, "Complete", *_APPLY, *_CAPTURE)
IMAGE = tuple("GenerateImage" if name == "Complete" else name for name in TEXT)
PLAN = (*_START, "SelectWork", "end")

PATHS = {
    "import_keywords": FREE,
    "cluster_keywords": PRICED,
    "generate_ideas": TEXT,
    "create_tasks": FREE,
    "generate_content": TEXT,
    "generate_image_prompts": TEXT,
    "generate_image": IMAGE,
    "approve_content": FREE,
    "publish_content": FREE,
}


def is_call(name: str) -> bool:
    """Return whether a part of a path is a call to another service."""
    return name[0].isupper()


def points(function: str) -> range:
    """Return after how many calls and commits a worker can stop before the end."""
    return range(len(PATHS[function]))


def sent(function: str) -> int:
    """Return after how many calls and commits a step only goes forward."""
    return PATHS[function].index("sent") + 1
