"""Encode the observations of a trace, and make up observations that look like those of a voice agent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import attrs
from msgspec import Raw

from ..errors import InvalidArgumentError
from ..models import Observation, Trace, TraceDetail
from ._encoding import encode
from ._traces import moment_in, whole_milliseconds, words_for

# A larger number is a mistake, and would take too much time and memory.
MOST_MADE_UP = 10_000

# The model of each step. A step with another name has the language model.
MODELS = {"speech-to-text": "nova-3", "text-to-speech": "sonic-2"}
LANGUAGE_MODEL = "gpt-4o-mini"

# The parts of a step's time at which the model begins, sends its first token, and ends.
MODEL_BEGINS, FIRST_TOKEN, MODEL_ENDS = 0.04, 0.36, 0.96
# The share of the input is more than half, so that the subtraction is exact and the two parts add up to the total.
INPUT_COST = 0.6

DIALOGUES = (
    ("Where is my order?", "It left our warehouse this morning and should be with you tomorrow.", "find_order"),
    ("Can I move my appointment to Friday?", "Friday at ten is free. Shall I book it?", "find_free_slots"),
    ("What does the large plan cost?", "It costs 49 dollars a month, and you can cancel at any time.", "find_prices"),
    ("I would like to speak to a person.", "I'll connect you. Please hold the line.", "transfer_call"),
)
SYSTEM_PROMPT = "You are a friendly voice agent. Answer in one or two short sentences."


def encode_detail(trace: Trace, observations: Iterable[Observation]) -> bytes:
    """Return a trace as JSON for a request of this trace: with its observations in place of their number."""
    inside = b",".join([_encode(observation) for observation in observations])
    names = [field.name for field in attrs.fields(TraceDetail) if field.name != "observations"]
    detail = TraceDetail(**{name: getattr(trace, name) for name in names}, observations=())
    detail = attrs.evolve(detail, timestamp=whole_milliseconds(trace.timestamp))
    return encode(detail, words_for(trace), observations=Raw(b"[%b]" % inside))


def _encode(observation: Observation) -> bytes:
    if not isinstance(observation, Observation):
        raise InvalidArgumentError(f"observations must be an iterable of Observation, but one item is {observation!r}")
    return encode(observation, f"observation {observation.id!r}")


def check_number(trace: Trace) -> None:
    """Raise if a trace has more observations than the server makes up."""
    if trace.observation_count > MOST_MADE_UP:
        raise InvalidArgumentError(
            f"{words_for(trace)} has {trace.observation_count} observations, and at most {MOST_MADE_UP} can be made up "
            "for a trace: pass them to set_observations()"
        )


def make_up(trace: Trace) -> Iterator[Observation]:
    """Make up the observations of a trace, as many as its ``observation_count``. They are the same every time.

    A single observation is the generation of a model. If there are more, the first is the span of the whole step, and
    the generation is inside it. Inside the generation are the tool calls: a span for each, with its result as an event.
    """
    count = trace.observation_count
    if count == 1:
        yield _generation(trace, 0, None)
    elif count > 1:
        yield _root(trace)
        yield _generation(trace, 1, _id(trace, 0))
    for number in range(2, count):
        yield _tool_call(trace, number) if number % 2 == 0 else _tool_result(trace, number)


def _root(trace: Trace) -> Observation:
    heard, said, _ = _dialogue(trace)
    return Observation(
        type="SPAN",
        input=heard,
        output=said,
        metadata={"framework": "livekit-agents"},
        end_time=None if trace.latency_seconds is None else moment_in(trace, 1),
        **_common(trace, 0, trace.name or "step", 0),
    )


def _generation(trace: Trace, number: int, parent: str | None) -> Observation:
    heard, said, _ = _dialogue(trace)
    model = MODELS.get(trace.name or "", LANGUAGE_MODEL)
    messages = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": heard}]
    talks = model == LANGUAGE_MODEL
    tokens = {"input": 180 + 3 * len(heard), "output": len(said) // 4}
    return Observation(
        type="GENERATION",
        parent_observation_id=parent,
        model=model,
        model_parameters={"temperature": 0.7, "max_tokens": 512} if talks else {"language": "en"},
        input=messages if talks else heard,
        output={"role": "assistant", "content": said} if talks else said,
        usage_details={**tokens, "total": sum(tokens.values())},
        cost_details=_costs(trace),
        completion_start_time=moment_in(trace, FIRST_TOKEN),
        end_time=moment_in(trace, MODEL_ENDS),
        **_common(trace, number, "llm" if talks else model, MODEL_BEGINS),
    )


def _tool_call(trace: Trace, number: int) -> Observation:
    heard, _, tool = _dialogue(trace)
    return Observation(
        type="SPAN",
        parent_observation_id=_id(trace, 1),
        input={"question": heard},
        output={"found": True},
        end_time=moment_in(trace, _share(trace, number + 1.5)),
        **_common(trace, number, f"tool-call {tool}", _share(trace, number)),
    )


def _tool_result(trace: Trace, number: int) -> Observation:
    return Observation(
        type="EVENT",
        parent_observation_id=_id(trace, number - 1),
        output={"found": True},
        **_common(trace, number, "tool-result", _share(trace, number)),
    )


def _common(trace: Trace, number: int, name: str, begin: float) -> dict[str, Any]:
    return {
        "id": _id(trace, number),
        "trace_id": trace.trace_id,
        "name": name,
        "level": "DEFAULT",
        "environment": "production",
        "start_time": moment_in(trace, begin),
    }


def _id(trace: Trace, number: int) -> str:
    return blake2b(f"{trace.trace_id}/{number}".encode(), digest_size=8).hexdigest()


def _dialogue(trace: Trace) -> tuple[str, str, str]:
    return DIALOGUES[blake2b(trace.trace_id.encode()).digest()[0] % len(DIALOGUES)]


def _share(trace: Trace, number: float) -> float:
    """Return the share of the step's time before an observation of a tool begins. They begin one after another."""
    return FIRST_TOKEN + (MODEL_ENDS - FIRST_TOKEN) * (number - 2) / trace.observation_count


def _costs(trace: Trace) -> dict[str, float]:
    total = trace.total_cost_usd
    if total is None or not math.isfinite(total):
        return {}
    return {"input": total * INPUT_COST, "output": total - total * INPUT_COST, "total": total}
