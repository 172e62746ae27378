"""Doorbells: a Celery message says only "lane X has work". Lost, late or double, it does not matter.

At most one bell of a lane is outstanding; whoever drains the lane takes it down first.
"""

import logging

import sqlalchemy as sa
from celery import Celery
from kombu.exceptions import OperationalError

from chassis.database import Database

log = logging.getLogger(__name__)
STALE_S = 5  # a bell that nobody answered for so long was lost
TASK = "drain"

_RING = sa.text(
    "INSERT INTO lane (lane, rung_time) VALUES (:lane, now()) ON CONFLICT (lane) DO UPDATE SET rung_time = now()"
    " WHERE lane.rung_time IS NULL OR lane.rung_time < now() - make_interval(secs => :stale) RETURNING 1"
)
_ANSWER = sa.text(
    "INSERT INTO lane (lane, polled_time) VALUES (:lane, now())"
    " ON CONFLICT (lane) DO UPDATE SET rung_time = NULL, polled_time = now()"
)


def celery_app(redis_url: str) -> Celery:
    """Return the Celery application: no results, no countdowns, late acknowledgement, one message at a time."""
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
        broker_transport_options={"socket_timeout": 5.0, "socket_connect_timeout": 1.0, "max_retries": 0},
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

    def ring(self, lane: str) -> None:
        """Say that a lane has work, unless a bell of it is outstanding. Never fails: the sweeper rings again."""
        with self._database.untenanted() as connection:
            if connection.execute(_RING, {"lane": lane, "stale": STALE_S}).first() is None:
                return
        try:
            self._app.send_task(TASK, args=[lane], queue=lane, ignore_result=True)
        except (OperationalError, OSError) as error:
            log.warning("the bell of lane %s could not be rung: %s", lane, error)

    def answer(self, lane: str) -> None:
        """Take a lane's bell down, because somebody looks now."""
        with self._database.untenanted() as connection:
            connection.execute(_ANSWER, {"lane": lane})
