"""A worker in a process of its own, for tests that stop processes: carries what is due in a lane, once."""

import asyncio
import json
import random
import sys

from chassis.database import Database
from chassis.passport import Issuer
from services.orchestrator.clients import AsyncPeers
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.passports import SiteBook


async def carry(sweep_url: str, addresses: dict[str, str], key: str, lane: str) -> None:
    """Claim up to a hundred steps, say how many they are, and carry them."""
    peers, database = AsyncPeers(addresses, Issuer("orchestrator", key)), Database(sweep_url)
    carrier = Carrier(database, peers, SiteBook(), random.Random(1))  # noqa: S311 - the same waits every time
    held = claims.claim(database, lane, 100, site_room=100)
    print(len(held), flush=True)
    await asyncio.gather(*[carrier.carry(step) for step in held])
    await peers.close()
    database.close()


if __name__ == "__main__":
    asyncio.run(carry(**json.loads(sys.argv[1])))
