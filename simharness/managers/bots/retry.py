"""How long the manager keeps asking before it gives up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """Patience with an exchange that does not answer or does not know an order yet.

    Attributes:
        delays_s: pauses between attempts to learn one order's state, in seconds. Their sum must exceed the lag of the
            exchange's order queries: an order that is still not found after that counts as never received.
        lost_orders_max: how many orders in a row may get lost on their way before the bot goes to ERROR.
        repair_delay_s: pause before a bot is taken up again whose exchange could not be reached, in seconds.
        reconnect_delays_s: pauses before each attempt to reconnect the order stream, in seconds; the last one repeats.
    """

    delays_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0)
    lost_orders_max: int = 3
    repair_delay_s: float = 5.0
    reconnect_delays_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
