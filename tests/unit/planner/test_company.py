"""What a word means among these keywords: what the table says, and what is said beside it here."""

import numpy as np
import pytest

from services.planner.clustering.table import shipped_table
from services.planner.clustering.vectors import Embedding, Floats

CARS = ["{} engine", "{} gearbox", "{} car tyres", "used {} car", "{} car insurance", "{} hybrid car"]
CATS = ["{} habitat", "{} cubs", "wild {} jungle", "{} predator facts", "{} animal", "{} zoo"]
OTHERS = [
    *(
        "car engine oil",
        "car tyres price",
        "used car dealer",
        "gearbox repair",
        "hybrid car tax",
        "car insurance quote",
    ),
    *("lion cubs", "tiger habitat", "wild animal zoo", "jungle predator", "leopard facts", "cheetah animal"),
]


def vectors(*texts: str) -> dict[str, Floats]:
    listed = sorted({*texts, *OTHERS})
    return dict(zip(listed, Embedding(listed, shipped_table()).all(), strict=True))


UNKNOWN = "\u0452\u045b\u045f"  # in no part of the table


@pytest.mark.parametrize("name", ["jaguar", "qqzzw", UNKNOWN], ids=["of two meanings", "in parts", "unknown"])
def test_a_name_means_what_is_said_beside_it(name: str) -> None:
    among_cars = vectors(name, *(frame.format(name) for frame in CARS))
    among_cats = vectors(name, *(frame.format(name) for frame in CATS))

    def nearer_to_cars(found: dict[str, Floats]) -> float:
        return float(found[name] @ found["used car dealer"] - found[name] @ found["wild animal zoo"])

    assert nearer_to_cars(among_cars) > 0 > nearer_to_cars(among_cats)


def test_a_text_of_unknown_words_says_nothing_of_them() -> None:
    others = [chr(0x0452) + chr(0x0459 + n) for n in range(6)]
    assert not shipped_table().vectors([UNKNOWN, *others]).any()
    among = vectors(UNKNOWN, f"{UNKNOWN} car tyres", *(f"{UNKNOWN} {other}" for other in others))
    assert among[UNKNOWN] @ among["used car dealer"] > among[UNKNOWN] @ among["wild animal zoo"] + 0.1


def test_a_word_that_nothing_is_said_beside_means_what_the_table_says() -> None:
    alone = vectors("espresso", "cappuccino", "latte")
    assert alone["espresso"] @ alone["cappuccino"] > alone["espresso"] @ alone["gearbox repair"]


def test_all_vectors_are_as_long_as_one_another() -> None:
    lengths = np.linalg.norm(list(vectors("jaguar car", "qqzzw", UNKNOWN).values()), axis=1)
    assert lengths == pytest.approx(np.ones(len(lengths)), abs=1e-5)
