"""A relay dies at every point of carrying facts between real services; the next one carries on, and all counts once."""

from contextlib import suppress
from itertools import count

import sqlalchemy as sa

from chassis.database import Database
from chassis.passport import Issuer
from services.orchestrator.clients import Peers
from services.orchestrator.relay import Relay
from tests.house import House
from tests.integration.orchestrator.crashes.calls import Calls
from tests.integration.orchestrator.crashes.supply import open_supply
from tests.integration.orchestrator.crashes.witness import Witness
from tests.integration.orchestrator.workers import sweeping
from tests.lives import Commits, Died, Life

ARTICLES = 3


def relay(house: House, life: Life) -> bool:
    """Carry what lies in the outboxes for as long as a relay lives; return whether it lived to the end."""
    peers = Peers(house.peer_addresses, Issuer("orchestrator", house.key))
    own = Database(house.databases["orchestrator"].app, pool_size=2)
    ended = False
    with sweeping(house) as rounds:
        with suppress(Died):
            Relay(Commits(rounds, life), Calls(peers, life), Commits(own, life)).round()
            ended = True
        with rounds.untenanted() as connection:  # a dead relay's lease runs out
            connection.execute(sa.text("UPDATE lane SET rung_time = now() WHERE lane = 'relay'"))
    peers.close()
    own.close()
    return ended


def test_a_fact_counts_once_however_many_relays_died_with_it(house: House) -> None:
    supply = open_supply(house)
    house.relay()
    for function in ("create_tasks", "generate_content", "approve_content", "publish_content"):
        supply.make(function, ARTICLES, told=False)
    witness = Witness(supply.owner)
    waiting = {name: witness.rows(name, "SELECT id FROM outbox") for name in ("writer", "integration")}
    assert {name: len(facts) for name, facts in waiting.items()} == {"writer": 2 * ARTICLES, "integration": ARTICLES}
    died = next(stop for stop in count() if relay(house, Life(stop, killed=True)))
    assert died > 3 * ARTICLES, "it died between all of them"
    assert not [row for name in waiting for row in witness.rows(name, "SELECT id FROM outbox")]
    ideas = witness.rows("planner", "SELECT status FROM content_idea WHERE published_url <> ''")
    assert [idea.status for idea in ideas] == ["completed"] * ARTICLES
    (counted,) = witness.rows("planner", "SELECT sum(content_count) AS contents FROM cluster")
    assert counted.contents == ARTICLES
    assert len(witness.rows("writer", "SELECT id FROM content WHERE status = 'published'")) == ARTICLES
    before = witness.everything()
    house.relay()
    assert witness.everything() == before
    witness.close()
