"""The judge of a chaos run: it sees the databases, the published pages and the REST interface, and nothing else.

It imports no service and no rule of theirs; what it counts, it counts with its own SQL, on an installation that has
come to rest (no run is under way and nobody is killed any more). It says:

seeds           how many seeds were played
kills           processes that were killed with SIGKILL, and times that Redis was emptied
pauses          processes that were frozen with SIGSTOP for longer than the lease of a step
steps           steps of the judged accounts, the steps that plan a stage among them
lost            a step that is not terminal; a run that has not ended; a stage whose planned items are not all done,
                failed or cancelled; a step that succeeded without being recorded by its owner, or whose artefact is
                not there; an artefact that was made for a step that did not succeed, so that nobody accounts for it;
                an item that still looks busy; a published content whose page is not there; a fact that was never
                delivered; an end of a step that no event tells of, or a gap between a run's events
applied_twice   two runs for one start of a schedule; two steps for one subject of a stage; two records of one applied
                step; two artefacts of one step and place: contents of a task, tasks of an idea, sets of ideas of a
                cluster, ideas beyond the plan, pictures of a place in a content, publications of a content at one
                destination, keywords of one text; an artefact that two steps say they made; a step that ended twice,
                as its run's events tell
billed_twice    two deductions for a step, a hold or a usage; more captured for a step than the price of what it really
                did, which is nothing when it did not succeed; a price that is not the one of its version
published_twice a content with two places at its destination, one place for two contents, a page nobody published
drift           every figure of the ledger that differs when it is counted anew (fold of the transactions, grants,
                holds, pins, quotes, usage), captures against done steps, runs and stages, and what the REST interface
                says of balance and books
held            credits that are still set aside
resume_p95_s    95th percentile of the seconds from a kill, or from the end of a pause, to the next end of a step in
                each lane that had a step of a running run open then

The first five and `held` must be 0.
"""

from tests.chaos.judge.evidence import Evidence, Place, open_databases
from tests.chaos.judge.finding import Finding
from tests.chaos.judge.pace import Hit
from tests.chaos.judge.verdict import Verdict, judge

__all__ = ["Evidence", "Finding", "Hit", "Place", "Verdict", "judge", "open_databases"]
