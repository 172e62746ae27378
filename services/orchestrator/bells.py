"""Doorbells: a Celery message says only "lane X has work". Lost, late or double, it does not matter.

At most one bell of a lane is outstanding, however long all workers are busy; who drains the lane takes it down first.
"""

import logging

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from chassis.database import DATABASE_ERRORS, Database

log = logging.getLogger(__name__)
STALE_S = 5  # a bell that nobody answered for so long may be lost: whether it still hangs in the queue is looked at
TASK = "drain"

_RING = """
    INSERT INTO lane (lane, rung_time) VALUES (%(lane)s, now()) ON CONFLICT (lane) DO UPDATE SET rung_time = now()
    WHERE lane.rung_time IS NULL OR lane.rung_time < now() - make_interval(secs => %(stale)s) RETURNING 1
"""
_TAKE_DOWN = "UPDATE lane SET rung_time = NULL WHERE lane = %(lane)s RETURNING 1"
_ANSWER = """
    INSERT INTO lane (lane, polled_time) VALUES (%(lane)s, now())
    ON CONFLICT (lane) DO UPDATE SET rung_time = NULL, polled_time = now() RETURNING 1
"""


def celery_app(redis_url: str, *, timeout_s: float = 1.0) -> Celery:
    """Return the Celery application: no results, no countdowns, late acknowledgement, one message at a time.

    Args:
        redis_url: where the bells ring.
        timeout_s: seconds that Redis may take for an answer. Whoever rings waits no longer (a Redis that is frozen
            takes connections and says nothing); a worker has more patience.
    """
    app = Celery("igny8", broker=redis_url)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=10.0,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=1.0,
        broker_transport_options={"socket_timeout": timeout_s, "socket_connect_timeout": 1.0, "max_retries": 0},
        task_publish_retry=False,
        task_default_queue="local",
        task_create_missing_queues=True,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
    )
    return app


class Bells:
    """Rings lanes.

    Args:
        database: under the sweep role.
        app: the Celery application.
    """

    def __init__(self, database: Database, app: Celery) -> None:
        self._database, self._app = database, app

    def ring(self, lane: str) -> bool:
        """Say that a lane has work, unless a bell of it is outstanding; return False when it could not be said.

        Never fails, since the work is written already and the sweeper rings again: a bell that could not be rung is
        taken down.
        """
        try:
            return self._ring(lane)
        except DATABASE_ERRORS as error:
            log.warning("the bell of lane %s could not be looked at: %s", lane, error)
            return False

    def _ring(self, lane: str) -> bool:
        if not self._database.single(_RING, {"lane": lane, "stale": STALE_S}):
            return True
        try:
            self._send(lane)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("the bell of lane %s could not be rung: %s", lane, error)
            self._database.single(_TAKE_DOWN, {"lane": lane})
            return False
        return True

    def _send(self, lane: str) -> None:
        """Send the message, unless the lane's last one is still in its queue: then every worker is busy, and would find
        one more for every few seconds of that when it is done."""
        with self._app.producer_pool.acquire(block=True) as producer:
            if producer.channel.queue_declare(queue=lane).message_count == 0:
                self._app.send_task(TASK, args=[lane], queue=lane, ignore_result=True, producer=producer)

    def answer(self, lane: str) -> None:
        """Take a lane's bell down, because somebody looks now."""
        self._database.single(_ANSWER, {"lane": lane})
