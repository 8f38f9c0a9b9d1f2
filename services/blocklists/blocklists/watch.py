"""One round of checks, and what people order: judge, remember, apply to the resolver, tell."""

from __future__ import annotations

import random
import syslog
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from posthouse import state

from .health import Verdict, check
from .policy import Policy, PolicyError
from .question import Resolver
from .settings import Listed, Settings
from .standing import Standing, after_check, put_back, restored, taken_out

STATUS = "status.json"
#: Lists that are asked at the same time.
_AT_ONCE = 8

Tell = Callable[[int, str], None]


def tell(priority: int, sentence: str) -> None:
    """Write to the journal, whoever runs the command from wherever."""
    syslog.openlog("blocklists", 0, syslog.LOG_MAIL)
    syslog.syslog(priority, sentence)


class Watch:
    """The lists of one machine."""

    def __init__(self, settings: Settings, resolver: Resolver, policy: Policy, telling: Tell = tell, dry: bool = False) -> None:
        """dry: look and judge, change and tell nothing."""
        self.settings, self.resolver, self.policy, self.telling, self.dry = settings, resolver, policy, telling, dry
        self.folder = Path(settings.state)
        self.file = self.folder / STATUS

    def status(self) -> dict[str, Any]:
        """What is remembered, for every configured list."""
        remembered = state.read(self.file)
        return self._report(remembered, self._standings(remembered), remembered.get("policy", ""))

    def check(self, zones: Sequence[str] = ()) -> dict[str, Any]:
        """Check lists, all or some, and act on what is found."""
        if not self.resolver.answers():
            return self._away()
        chosen = [listed for listed in self.settings.lists if not zones or listed.zone in zones]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            verdicts = dict(zip((listed.zone for listed in chosen), pool.map(self._judge, chosen), strict=True))
        now = time.time()

        def judged(standing: Standing) -> Standing:
            verdict = verdicts.get(standing.zone)
            return after_check(standing, verdict, now, self.settings.failures, self.settings.recoveries) if verdict else standing

        return self._change(judged)

    def take_out(self, zone: str, reason: str) -> dict[str, Any]:
        """A person takes a list out."""
        return self._change(lambda standing: taken_out(standing, reason, time.time()) if standing.zone == zone else standing)

    def put_back(self, zone: str) -> dict[str, Any]:
        """A person puts a list back."""
        return self._change(lambda standing: put_back(standing, time.time()) if standing.zone == zone else standing)

    def _judge(self, listed: Listed) -> Verdict:
        return check(listed, self.settings.never_listed, self.resolver, random.SystemRandom())

    def _change(self, step: Callable[[Standing], Standing]) -> dict[str, Any]:
        if self.dry:
            remembered = state.read(self.file)
            return self._report(remembered, [step(standing) for standing in self._standings(remembered)], remembered.get("policy", ""))
        with state.alone(self.folder):
            remembered = state.read(self.file)
            before = self._standings(remembered)
            after = [step(standing) for standing in before]
            fault = self._apply(remembered, after)
            # What was decided is kept even when the resolver could not be told: the next round tells it.
            report = self._report(remembered, after, fault) | {"resolver": "answers"}
            state.write(self.file, report)
            for old, new in zip(before, after, strict=True):
                self._tell(old, new)
            if fault and fault != remembered.get("policy"):
                self.telling(syslog.LOG_WARNING, f"lists cannot be taken out or put back: {fault}")
        return report

    def _apply(self, remembered: dict[str, Any], standings: list[Standing]) -> str:
        """Make the policy zone say what was decided, whatever it says now; return what was in the way."""
        wanted = {standing.zone for standing in standings if standing.out}
        # Lists that are no longer configured are in nobody's way any more.
        known = {standing.zone for standing in standings} | {str(told.get("zone")) for told in remembered.get("lists", [])}
        try:
            now = self.policy.out(known)
            self.policy.change(wanted - now, now - wanted)
        except PolicyError as fault:
            return str(fault)
        return ""

    def _tell(self, old: Standing, new: Standing) -> None:
        if new.out and not old.out:
            self.telling(syslog.LOG_WARNING, f"{new.zone} is taken out, {new.reason}; mail goes on without it")
        elif old.out and not new.out:
            self.telling(syslog.LOG_NOTICE, f"{new.zone} is put back after {max(new.since - old.since, 0):.0f} s")

    def _away(self) -> dict[str, Any]:
        """Without a resolver nothing can be said of any list: everything stays as it is."""
        fault = f"the resolver {self.settings.resolver} does not answer"
        if self.dry:
            return self.status() | {"resolver": fault}
        with state.alone(self.folder):
            remembered = state.read(self.file)
            if remembered.get("resolver") != fault:
                self.telling(syslog.LOG_WARNING, f"{fault}, so no list is asked, by mail neither")
            report = self._report(remembered, self._standings(remembered), remembered.get("policy", "")) | {"resolver": fault}
            state.write(self.file, report)
        return report

    def _standings(self, remembered: dict[str, Any]) -> list[Standing]:
        told = {entry.get("zone"): entry for entry in remembered.get("lists", []) if isinstance(entry, dict)}
        return [restored(listed.zone, told.get(listed.zone)) for listed in self.settings.lists]

    def _report(self, remembered: dict[str, Any], standings: list[Standing], fault: str) -> dict[str, Any]:
        return {
            "resolver": remembered.get("resolver", "never asked"),
            "policy": fault,
            "lists": [standing.told() for standing in standings],
        }
