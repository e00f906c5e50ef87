"""One connection of the program: cuts what it writes into batches and makes world events of them.

A batch executes, perhaps waits for a lock and is resumed, and its reply is delivered: each an event of the batch's own
process. One batch executes at a time; later ones of a pipeline follow in order. All of them write the connection's key.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from simharness.core import lane
from simharness.core.agenda import WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.database.postgresql import intercept, moments, process, wire
from simharness.database.postgresql.backend import Backend, Progress
from simharness.database.postgresql.batch import Batch, Reader
from simharness.database.postgresql.masking import retitled
from simharness.database.postgresql.moments import Moments
from simharness.database.postgresql.narration import Narrator
from simharness.database.postgresql.outbox import Client, Outbox
from simharness.database.postgresql.transaction import Transaction
from simharness.database.postgresql.wire import Message
from simharness.database.shape import Verb

if TYPE_CHECKING:
    from simharness.database.postgresql.bridge import Bridge

IDLE, ABORTED = b"I", b"E"


class Session:
    """The server's end of one connection of the program.

    Args:
        bridge: the bridge it belongs to.
        client: the program's end.
    """

    def __init__(self, bridge: Bridge, client: Client) -> None:
        self._bridge = bridge
        self._client = client
        self._buffer = bytearray()
        self._reader = Reader()
        self._queue: deque[Batch] = deque()
        self._cancelled_by = ""
        self._executed_ns = 0
        self.identity = recorder.fresh("pg-connection")
        self.number = bridge.next_number()
        self.backend: Backend | None = None
        self.parked_as = ""
        self.transaction = Transaction(bridge.schema)
        self.moments = Moments(bridge.agenda, bridge.epoch_ns, bridge.gives_up)
        self.outbox = Outbox(bridge.agenda, client, self.identity, bridge.number_of)
        self.opened = False
        # Whose statement came last, for timelines.
        self.lane = ""
        self.listening = False
        self.waiting = False
        self.granted = False

    @property
    def closed(self) -> bool:
        """Whether either end is closed."""
        return self.outbox.closed

    @property
    def clean(self) -> bool:
        """Whether the backend waits for a new statement, and for nothing else."""
        return not (self._reader.copying or self._reader.mid_series)

    @property
    def running(self) -> str:
        """The statement that executes or waits, for messages."""
        return self._queue[0].label if self._queue else ""

    def check_out(self) -> None:
        """Name the session after its present checkout from a pool: which one it is depends on the schedule."""
        self.identity = self.outbox.identity = recorder.fresh("pg-connection")

    # -- what the program writes

    def feed(self, data: bytes) -> None:
        """Take bytes that the program wrote."""
        # The order in which two tasks write to one connection is the order of its batches.
        recorder.write(self.identity)
        self.transaction.user = lane.running_task()
        self._buffer += data
        while not self.closed:
            if self.opened and self.backend is None:
                # The server ended the session; the client will hear of it.
                return
            if self.backend is None:
                opening = wire.take_opening(self._buffer)
                if opening is None:
                    return
                self._open(opening)
                continue
            message = wire.take(self._buffer)
            if message is None:
                return
            if message.kind == b"X":
                self.hang_up()
                return
            batch = self._reader.add(message)
            if batch is not None:
                self._submit(batch)

    def hang_up(self) -> None:
        """The program closed its end: what it sent still executes, an open transaction is rolled back after it."""
        if self.closed:
            return
        self.outbox.abandon()
        self.moments.disarm()
        if self.backend is None:
            return
        recorder.write(self.identity)
        if self._queue or self.backend.status != IDLE or self.listening or self.transaction.holds_session_locks:
            self._submit(Batch([], hang_up=True))
        else:
            self._bridge.release(self)

    def _open(self, opening: wire.Opening) -> None:
        if opening.code in (wire.SSL_REQUEST, wire.GSS_REQUEST):
            accepts = opening.code == wire.SSL_REQUEST and getattr(self._client, "accepts_tls", False)
            # At once: the client says nothing before it has this.
            self._client.receive(b"S" if accepts else b"N")
            return
        if opening.code == wire.CANCEL_REQUEST:
            self._offer_cancel(opening.target)
            return
        parameters = intercept.rewritten_startup({**self._bridge.settings, **opening.parameters})
        self.moments.watched = any(intercept.sets_timeout(f"{k} {v}") for k, v in parameters.items())
        self.transaction.note_settings(parameters)
        self.backend = self._bridge.acquire(self, parameters)
        self.opened = True
        greeting = [
            wire.key_data(self.number, self.number) if message.kind == b"K" else message
            for message in self.backend.greeting
        ]
        self.outbox.send_at_once(greeting)

    def _offer_cancel(self, number: int) -> None:
        request = recorder.fresh("pg-cancel")
        agenda = self._bridge.agenda

        def cancel() -> None:
            self._bridge.cancel(number)
            agenda.offer(WorldEvent(request, Kind.DELIVER, "cancel request answered", self.outbox.close))

        agenda.offer(WorldEvent(request, Kind.EXECUTE, "cancel request", cancel))

    # -- batches

    def _submit(self, batch: Batch) -> None:
        batch.lane = self.lane = lane.acting()
        batch.source = lane.caller() if recorder.narrating else None
        if not (batch.hang_up or self._instant(batch)):
            batch.process = recorder.fresh("pg")
        elif batch.hang_up:
            batch.process = recorder.fresh("pg-close")
        self._queue.append(batch)
        if len(self._queue) == 1:
            self._begin()

    def _instant(self, batch: Batch) -> bool:
        if all(statement.ends for statement, _ in batch.statements) and batch.statements:
            return self.transaction.idle and not self._queue
        if all(statement.pool_reset for statement, _ in batch.statements) and batch.statements:
            return not (self.listening or self.transaction.holds_session_locks) and self.transaction.idle
        if not batch.statements and batch.ending == b"S" and (self._reader.mid_series or self._queue):
            # The Sync at the end of a pipeline commits what ran since the one before.
            return False
        if self.transaction.awaits_snapshot and batch.looks and self._in_program(batch):
            # Also a Parse: what REPEATABLE READ sees from here on depends on who has committed by now.
            return False
        return batch.instant

    def _in_program(self, batch: Batch) -> bool:
        """Return whether a batch is more than a driver's look at the catalog between transactions."""
        in_block = self.backend is not None and self.backend.status != IDLE
        return in_block or not all(statement.instant for statement in batch.prepares)

    def _begin(self) -> None:
        batch = self._queue[0]
        if not batch.process:
            self._execute(batch)
            return
        event = WorldEvent(batch.process, Kind.EXECUTE, batch.label, partial(self._execute, batch))
        self._bridge.agenda.offer(event)

    def _execute(self, batch: Batch) -> None:
        backend = self.backend
        if backend is None:
            self._queue.clear()
            return
        if batch.hang_up:
            self._depart(batch)
            return
        if batch.data and not self._reader.copying:
            # The COPY failed: the server throws the data away without an answer.
            self._finish(batch, backend)
            return
        self.moments.disarm("idle_in_transaction_session_timeout", "idle_session_timeout")
        self.moments.begin_batch(in_transaction=backend.status != IDLE)
        self._record(batch)
        self._prepare_moment(batch)
        self._executed_ns = self._bridge.agenda.clock.now_ns
        try:
            backend.send(wire.encode(batch.messages))
            self._read(batch)
        except ConnectionError:
            self._server_left(batch)
        if batch.process:
            self._bridge.settle()

    def _record(self, batch: Batch) -> None:
        if not batch.process:
            for statement, _ in batch.statements:
                self.transaction.note_instant(statement)
                if recorder.narrating and statement.shape.verb is Verb.BEGIN:
                    self._narrator.plain(batch, statement.label.rstrip("; "), "begin")
            return
        recorder.write(self.identity)
        if batch.looks:
            self.transaction.fix_snapshot()
        inside = self._require_backend().status != IDLE
        self.transaction.run(batch.statements, inside=inside, waited=batch.waited)

    def _prepare_moment(self, batch: Batch) -> None:
        self.moments.watched |= any(intercept.sets_timeout(s.sql) for s, _ in batch.statements)
        backend = self._require_backend()
        # Between Flush and Sync a statement of ours would end the client's implicit transaction.
        if not batch.process or backend.status == ABORTED or self._reader.mid_series:
            return
        schema = self._bridge.schema
        if self.moments.watched or any(schema.tells_time(s, schema.accesses(s, v)) for s, v in batch.statements):
            self.moments.tell(backend)

    def _read(self, batch: Batch) -> None:
        backend = self._require_backend()
        if batch.silent or (batch.ending == b"H" and self._reader.skipping):
            self._finish(batch, backend)
        elif backend.read(batch.reply, batch.answered) is Progress.BLOCKED:
            self._block(batch, backend)
        else:
            self._finish(batch, backend)

    def _block(self, batch: Batch, backend: Backend) -> None:
        process.stop(backend.pid)
        self.waiting, self.granted, batch.waited = True, False, True
        recorder.write(self._bridge.schema.waits)
        if not batch.process:
            batch.process = recorder.fresh("pg")
            self._record(batch)
        elapsed = self._bridge.agenda.clock.now_ns - self._executed_ns
        self.moments.arm_wait(self._time_out, elapsed, batch.label)
        if recorder.narrating:
            self._narrator.wait(batch, self._bridge.blockers_of(self), self.transaction.written)
        event = WorldEvent(
            batch.process,
            Kind.EXECUTE,
            f"resume {batch.label}",
            partial(self._resume, batch),
            ready=lambda: self.granted,
        )
        self._bridge.agenda.offer(event)

    def _resume(self, batch: Batch) -> None:
        backend = self._require_backend()
        self.waiting = self.granted = False
        self.moments.disarm("lock_timeout", "statement_timeout")
        self._record(batch)
        process.resume(backend.pid)
        try:
            self._read(batch)
        except ConnectionError:
            self._server_left(batch)
        self._bridge.settle()

    def _finish(self, batch: Batch, backend: Backend) -> None:
        failed = any(message.kind == b"E" for message in batch.reply)
        self.transaction.fail(wire.fields(message).get("C", "") for message in batch.reply if message.kind == b"E")
        if self._cancelled_by:
            code, text = moments.CANCELLED_BY[self._cancelled_by]
            batch.reply = [retitled(message, code, text) for message in batch.reply]
            self._cancelled_by = ""
        self._reader.learn(batch)
        self.listening |= not failed and any(s.listens for s, _ in batch.statements)
        if batch.process:
            # Several statements at once do not say whose rows came back.
            one = len(batch.statements) == 1 and not failed
            self.transaction.learn(lambda column: self._reader.returned(batch, column) if one else None)
            self._end_transaction(batch, backend, failed=failed)
        elif backend.status == IDLE:
            self.transaction.idle = True
        if failed or any(s.ends or s.partial_rollback for s, _ in batch.statements):
            self.moments.forget()
        self._arm_idle(backend)
        self._queue.popleft()
        self.outbox.answer(batch)
        if self._queue:
            self._begin()

    def _end_transaction(self, batch: Batch, backend: Backend, *, failed: bool) -> None:
        if recorder.narrating:
            ended = self.transaction.written if backend.status == IDLE else None
            self._narrator.tell(batch, backend, ended, partial(self._reader.returned, batch), self.transaction.before)
        self._bridge.observe_tags(batch.reply)
        if self._reader.mid_series:
            return
        if backend.status == IDLE:
            rolled_back = failed or any(m.kind == b"C" and m.body.startswith(b"ROLLBACK") for m in batch.reply)
            self.transaction.finish(committed=not rolled_back)
            self._bridge.committed(self)
        elif backend.status == ABORTED:
            # The server lets go of an aborted transaction's locks at the error, not at its ROLLBACK.
            self.transaction.finish(committed=False)
            self.transaction.idle = False
        else:
            self._bridge.check(self)

    def _arm_idle(self, backend: Backend) -> None:
        if not self.moments.limits_ns:
            return
        if backend.status == IDLE:
            self.moments.disarm("transaction_timeout")
            reasons = ["idle_session_timeout"]
        else:
            reasons = ["idle_in_transaction_session_timeout", "transaction_timeout"]
        for reason in reasons:
            self.moments.arm(reason, reason, partial(self._terminate, reason))

    def collect_notifications(self) -> None:
        """Fetch what others notified this session of, and offer it as a frame of the connection's own stream."""
        backend = self.backend
        if not self.listening or self.closed or self._queue or backend is None or backend.status != IDLE:
            return
        backend.send(Message(b"S", b"").encode())
        arrived: list[Message] = []
        backend.read(arrived, lambda message: message.kind == b"Z")
        frames = [message for message in arrived if message.kind == b"A"]
        if frames:
            self.outbox.notify(frames)

    # -- ends

    def _time_out(self, reason: str) -> None:
        recorder.write(self.identity)
        # A lock that was granted in time beats its timeout; a statement is too long either way.
        if not self.waiting or (self.granted and reason == "lock_timeout"):
            return
        self._cancelled_by = reason
        self.cancel()

    def cancel(self) -> None:
        """Cancel the statement that waits here, if one does; otherwise the request comes too late or too early."""
        recorder.write(self.identity)
        if self.waiting and self.backend is not None:
            process.interrupt(self.backend.pid)
            self.granted = True

    def _terminate(self, reason: str) -> None:
        if self.closed or self.waiting:
            return
        code, text = moments.TERMINATED_BY[reason]
        fatal = wire.response(b"E", {"S": "FATAL", "V": "FATAL", "C": code, "M": text})
        recorder.write(self.identity)
        self._release_backend()
        self.outbox.last_words([fatal], text)

    def _depart(self, batch: Batch) -> None:
        if recorder.narrating:
            self._narrator.plain(batch, "disconnect", "rollback")
        self._queue.popleft()
        self._release_backend()

    def _release_backend(self) -> None:
        recorder.write(self.identity)
        self.transaction.finish(committed=False)
        self._bridge.release(self)
        self._bridge.settle()

    def _server_left(self, batch: Batch) -> None:
        """The backend ended by itself (terminated by another session, or crashed)."""
        self._require_backend().last_words(batch.reply)
        self.transaction.finish(committed=False)
        self._bridge.drop(self)
        self._queue.clear()
        self.outbox.last_words(batch.reply, "connection lost")

    def _require_backend(self) -> Backend:
        assert self.backend is not None, "a batch runs only on an open session"
        return self.backend

    @property
    def _narrator(self) -> Narrator:
        return self._bridge.narrator(self.number)
