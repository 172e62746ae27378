"""How long items take, before a run has a pace of its own."""

from collections.abc import Mapping

from services.orchestrator.domain.estimates import Past

# (seconds that one takes, how many are under way at once): what hosted models take for a text or a picture, what the
# planner takes for a few hundred keywords, what a destination takes. They are replaced by what the site has seen, and
# by the run's own pace with its first item.
_USUAL: Mapping[str, tuple[float, int]] = {
    "import_keywords": (3.0, 1),
    "cluster_keywords": (3.0, 1),
    "recluster_keywords": (3.0, 1),
    "generate_ideas": (20.0, 32),
    "create_tasks": (0.1, 8),
    "generate_content": (45.0, 32),
    "generate_image_prompts": (10.0, 32),
    "generate_image": (15.0, 16),
    "approve_content": (0.1, 8),
    "publish_content": (3.0, 4),
}


def expected_pace_s(function: str, items: int, past: Past | None) -> float | None:
    """Return the seconds between two ends that are to be expected of a stage.

    What the site's last stages of the function took, where it has any; else as usual, several at once. None where
    nobody knows.
    """
    if past is not None and past.pace_s is not None:
        return past.pace_s
    if function not in _USUAL or items <= 0:
        return None
    each_s, at_once = _USUAL[function]
    return each_s * -(-items // at_once) / items
