"""The clients of a scenario: each command is a world event that starts a task and ends with an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from simharness.core import name
from simharness.core.agenda import WorldEvent
from simharness.core.footprint import recorder
from simharness.core.lane import current_lane
from simharness.core.step import Kind, Operation
from simharness.errors import ScenarioError
from simharness.invariants.view import Answer
from simharness.world.setting import Command

if TYPE_CHECKING:
    from simharness.world.world import World


_VARIABLE = re.compile(r"\{(\w+)\}")


def check_targets(commands: Iterable[Command], variables: Mapping[str, str]) -> None:
    """Refuse a name that stands for nothing: the command would go nowhere, and whatever is checked would hold.

    Raises:
        ScenarioError: the target of a command has one.
    """
    known = ", ".join(f"{{{each}}}" for each in sorted(variables)) or "none"
    for command in commands:
        for variable in _VARIABLE.findall(str(command.target)):
            if variable not in variables:
                raise ScenarioError(f"{command.where} nothing is called {{{variable}}}; known: {known}".lstrip())


class Clients:
    """Issues the commands of a setting, each when those that it comes after are over.

    Args:
        world: the execution that they are part of.
        variables: what ``{name}`` in a target stands for.
    """

    def __init__(self, world: World, variables: Mapping[str, str]) -> None:
        self._world = world
        self._variables = variables
        self._commands = world.setting.commands
        check_targets(self._commands, variables)
        self._waiting = {position: set(command.after) for position, command in enumerate(self._commands)}
        self._client: httpx.AsyncClient | None = None
        self._sent: dict[int, str] = {}

    def open(self) -> None:
        """Offer the commands that wait for nothing."""
        for position, after in self._waiting.items():
            if not after:
                self._offer(position)

    def _offer(self, position: int) -> None:
        command = self._commands[position]
        process = name.static(f"command {position + 1} {command.name}")
        if command.kind == "venue":
            self._world.offer_venue_action(command, process, partial(self._over, position))
            return
        self._world.loop.offer(
            WorldEvent(
                process,
                Kind.DELIVER,
                command.title,
                partial(self._start, position, command),
                ready=self._world.crashes.is_up if self._world.crashes.allowed else None,
                own_cascade=True,
            )
        )

    def lost(self) -> None:
        """Tell the clients whose commands were under way when the program crashed."""
        self._client = None
        for position, title in sorted(self._sent.items()):
            command = self._commands[position]
            subject = self._world.system.subject_of(command, self._variables)
            self._answer(Answer(title, subject, ok=False, failure="connection lost", step=self._world.view.step))
            self._over(position)

    def _start(self, position: int, command: Command) -> None:
        self._world.crashes.reached()
        target = self._fill_in(command.target)
        title = self.title_of(command)
        lane = self._lane(position)
        recorder.note(lambda: Operation("client", title, target=lane, source=command.where, effect="send"))
        self._world.view.commands.append(title)
        self._sent[position] = title
        current_lane.set(lane)
        work = self._request(command, str(target), title) if command.kind == "rest" else self._perform(command, title)
        task = self._world.loop.create_task(work)
        task.add_done_callback(partial(self._done, position))
        current_lane.set("program")

    def _lane(self, position: int) -> str:
        """Return the lane of a command: numbered from the second on, so that two of them can be told apart."""
        number = sum(command.kind != "venue" for command in self._commands[: position + 1])
        return "endpoint" if number == 1 else f"endpoint {number}"

    def _done(self, position: int, _task: Any) -> None:
        self._over(position)

    def _over(self, position: int) -> None:
        """Start what waited for this command."""
        self._sent.pop(position, None)
        for later, after in sorted(self._waiting.items()):
            if position in after:
                after.discard(position)
                recorder.write(_WAITING)
                if not after:
                    self._offer(later)

    def title_of(self, command: Command) -> str:
        """Return a command as findings name it, with what ``{name}`` stands for."""
        target = self._fill_in(command.target)
        return command.title if target == command.target else replace(command, target=target).title

    def _fill_in(self, target: Any) -> Any:
        if not isinstance(target, str):
            return target
        for variable, value in sorted(self._variables.items()):
            target = target.replace(f"{{{variable}}}", value)
        return target

    async def _request(self, command: Command, target: str, title: str) -> None:
        method, _, path = target.partition(" ")
        if self._client is None:
            transport = httpx.ASGITransport(self._world.running.app, raise_app_exceptions=True)
            self._client = httpx.AsyncClient(transport=transport, base_url="http://bot")
        subject = self._world.system.subject_of(command, self._variables)
        try:
            response = await self._client.request(method, path, json=_plain(command.body))
        except Exception as error:
            text = _first_line(error)
            self._answer(Answer(title, subject, ok=False, failure=text, unexpected=True, step=self._world.view.step))
            return
        says = _fields(response) if response.is_success else {}
        failure = None if response.is_success else f"{response.status_code} {response.text[:200]}"
        self._answer(
            Answer(title, subject, ok=response.is_success, says=says, failure=failure, step=self._world.view.step)
        )

    async def _perform(self, command: Command, title: str) -> None:
        subject = self._world.system.subject_of(command, self._variables)
        try:
            result = await self._world.running.perform(command)
        except ScenarioError as error:
            self._world.misuse = error  # the scenario's mistake, not the program's
            return
        except Exception as error:
            expected = isinstance(error, self._world.expected_errors)
            text = _first_line(error)
            self._answer(
                Answer(title, subject, ok=False, failure=text, unexpected=not expected, step=self._world.view.step)
            )
            return
        says = {key: str(value) for key, value in result.items()} if isinstance(result, Mapping) else {}
        self._answer(Answer(title, subject, ok=True, says=says, step=self._world.view.step))

    def _answer(self, answer: Answer) -> None:
        outcome = "ok" if answer.ok else f"failed: {answer.failure}"
        lane = current_lane.get()
        said = "".join(f" {key}={value}" for key, value in answer.says.items() if key == "status")
        recorder.note(
            lambda: Operation(
                lane if lane.startswith("endpoint") else "endpoint",
                f"answer to {answer.command}: {outcome}{said}",
                target="client",
                effect="receive",
            )
        )
        self._world.crashes.outlived()
        self._world.watch.answered(answer)


_WAITING = name.static("commands that wait for others")


def _plain(body: Any) -> Any:
    if isinstance(body, Mapping):
        return {key: _plain(value) for key, value in body.items()}
    return str(body) if isinstance(body, Decimal) else body


def _fields(response: httpx.Response) -> dict[str, str]:
    try:
        document = response.json()
    except json.JSONDecodeError:
        return {}
    return {key: str(value) for key, value in document.items()} if isinstance(document, dict) else {}


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
