"""The load line of a deployment: `budget(question)` puts together all that is reckoned."""

from dataclasses import dataclass

from plimsoll.capacity.advice import Advice, advise, automatic
from plimsoll.capacity.allowances import Allowance, Crowd, allowances, crowds
from plimsoll.capacity.fitting import binding
from plimsoll.capacity.outlook import Outlook, outlook, useful_at_once
from plimsoll.capacity.question import Question
from plimsoll.capacity.reasons import size_words
from plimsoll.capacity.verdict import assumptions, levers, verdict


@dataclass(frozen=True, slots=True)
class Budget:
    """Demand against limits, and what to set.

    `now` is the deployment as it is set, `advised` as it is advised to be; None, as `advice`, where not even one worker
    fits. `automatic` is what `DB_POOL_SIZE=auto` takes, size and overflow, None where not each pool can have a
    connection. `binding` is the limit that leaves a pool the least, None where none is known. `useful` is how many
    connections the server can work on at once and why, a ceiling of use, not of need.
    """

    question: Question
    fits: bool
    verdict: str
    now: Outlook
    advised: Outlook | None
    advice: Advice | None
    automatic: tuple[int, int] | None
    automatic_reason: str
    allowances: tuple[Allowance, ...]
    crowds: tuple[Crowd, ...]
    binding: Allowance | None
    useful: tuple[int, str] | None
    levers: tuple[str, ...]
    assumptions: tuple[str, ...]


def budget(question: Question) -> Budget:
    """The budget of a deployment."""
    advice = advise(question)
    sizes = automatic(question)
    now = outlook(question, sum(sizes or (1,)) if question.plan.is_auto else question.plan.most)
    does_fit, words = verdict(question, now, advice)
    return Budget(
        question=question,
        fits=does_fit,
        verdict=words,
        now=now,
        advised=outlook(advice.question, advice.each) if advice is not None else None,
        advice=advice,
        automatic=sizes,
        automatic_reason=size_words(question, sizes[0]).reason if sizes is not None else "",
        allowances=allowances(question),
        crowds=crowds(question),
        binding=binding(question),
        useful=useful_at_once(question),
        levers=levers(question, advice),
        assumptions=assumptions(question),
    )
