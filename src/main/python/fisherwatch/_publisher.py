"""Events on their way to Kafka: buffered within a bound while it is away, then given up and counted."""

from __future__ import annotations

import logging
import time
from typing import Any, Callable, Protocol

from ._events import BATCH, CHECKPOINT, Event
from ._options import Options
from ._stats import Ledger

AWAY = "kafka-away"

# Producers of this process that are open. A forked child must never free one: the threads that freeing waits for
# are not in the child. So a child keeps what is here for ever.
_OPEN: set[Any] = set()


class Producer(Protocol):
    """The part of confluent_kafka.Producer that is used."""

    def produce(
        self,
        topic: str,
        *,
        key: str,
        value: bytes,
        headers: list[tuple[str, bytes]],
        on_delivery: Callable[[Any, Any], None],
    ) -> None:
        """Takes a record, or raises BufferError."""

    def poll(self, timeout: float) -> int:
        """Runs what waits to be called back."""

    def flush(self, timeout: float) -> int:
        """Waits for the broker; tells how many records it still waits for."""

    def __len__(self) -> int:
        """Records that wait for the broker."""


def kafka_producer(options: Options, on_error: Callable[[Any], None]) -> Producer:
    """A producer of confluent-kafka: ordered, without duplicates, bounded.

    Raises:
        ValueError: Kafka's client refuses a property.
    """
    import confluent_kafka

    quiet = logging.getLogger("fisherwatch.kafka")
    if quiet.level == logging.NOTSET:  # errors come by on_error, once each instead of every second
        quiet.setLevel(logging.CRITICAL)
    properties = {
        "bootstrap.servers": options.bootstrap_servers,
        "enable.idempotence": True,
        "linger.ms": 20,
        "compression.type": "none",
        "message.timeout.ms": int(options.message_timeout * 1000),
        "queue.buffering.max.kbytes": max(1, options.buffer_bytes >> 10),
        "message.max.bytes": max(1_000_000, options.inline_limit + (64 << 10)),
        "reconnect.backoff.max.ms": 5000,
        **options.kafka,
    }
    try:
        return confluent_kafka.Producer(properties, error_cb=on_error, logger=quiet)  # type: ignore[no-any-return]
    except confluent_kafka.KafkaException as e:
        raise ValueError(f"Kafka's client refuses its properties: {e.args[0]}") from e


class Publisher:
    """Publishes the events of a run in order. For the worker thread, but for the figures."""

    def __init__(
        self,
        options: Options,
        ledger: Ledger,
        producer: Callable[[Options, Callable[[Any], None]], Producer] = kafka_producer,
    ) -> None:
        """Connects in the background; a broker that is away is no error."""
        self._options = options
        self._ledger = ledger
        self.checkpoints_waiting = 0
        self._producer = producer(options, self._error)
        _OPEN.add(self._producer)

    def publish(self, event: Event) -> None:
        """Hands an event over; it is counted when the broker has it, or when it is given up."""

        def delivered(error: Any, _message: Any) -> None:
            self._delivered(event, error)

        self._producer.poll(0)
        try:
            self._producer.produce(
                self._options.topic if event.type == BATCH else self._options.topic_of_checkpoints,
                key=event.key,
                value=event.value,
                headers=list(event.headers),
                on_delivery=delivered,
            )
        except BufferError:
            self._ledger.drop("buffer-full", "the buffer for Kafka is full: events are dropped")
            return
        if event.type == CHECKPOINT:
            self.checkpoints_waiting += 1

    def poll(self) -> None:
        """Takes note of what the broker has said."""
        self._producer.poll(0)

    def close(self, timeout: float) -> int:
        """Waits for the broker, at most so long; tells how many events it does not have."""
        deadline = time.monotonic() + timeout
        left = self._producer.flush(max(0.0, timeout))
        while left and time.monotonic() < deadline:
            left = self._producer.flush(max(0.0, deadline - time.monotonic()))
        _OPEN.discard(self._producer)
        return left

    @property
    def unacknowledged(self) -> int:
        """Events that wait for the broker."""
        return len(self._producer)

    def _delivered(self, event: Event, error: Any) -> None:
        if event.type == CHECKPOINT:
            self.checkpoints_waiting -= 1
        kind = event.type.split(".")[2]
        if error is None:
            self._ledger.deliver(kind)
            if self._ledger.forget(AWAY):
                self._ledger.say("kafka-back", "Kafka answers again", logging.INFO)
                self._ledger.forget("kafka-back")
        else:
            self._ledger.drop("not-delivered", f"Kafka did not take an event ({kind}): {error}")

    def _error(self, error: Any) -> None:
        self._ledger.say(
            AWAY,
            f"Kafka at {self._options.bootstrap_servers}: {error}; training goes on, events wait for up to "
            f"{self._options.message_timeout:.0f} s and {self._options.buffer_bytes >> 20} MiB",
        )
