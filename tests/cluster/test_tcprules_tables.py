"""The tables made from rules, asked by Postfix itself on the exchanger."""

from __future__ import annotations

import json
import random
import shlex

from module_utils.tcprules import postfix, syntax
from tests.laboratory import Lab
from tests.policies import expected, random_address, random_rules

SETS, CLIENTS = 25, 40

# On the exchanger: {table type:name -> [text, keys]} in, {the same -> {key: answer}} out.
ASK = """
import json, pathlib, subprocess, sys, tempfile
answers = {}
for name, (text, keys) in json.load(sys.stdin).items():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "table")
        path.write_text(text)
        table = name.split(":")[0] + ":" + str(path)
        asked = subprocess.run(["postmap", "-q", "-", table], input="\\n".join(keys) + "\\n", text=True, capture_output=True)
        if asked.stderr:
            sys.exit(name + ": " + asked.stderr)
        answers[name] = dict(line.split("\\t", 1) for line in asked.stdout.splitlines())
print(json.dumps(answers))
"""


def ask(lab: Lab, tables: dict[str, tuple[str, list[str]]]) -> dict[str, dict[str, str]]:
    answers: dict[str, dict[str, str]] = json.loads(
        lab.run(lab.exchanger.name, f"python3 -c {shlex.quote(ASK)}", json.dumps(tables), timeout=300)
    )
    return answers


def test_postfix_answers_as_the_rules_do(lab: Lab) -> None:
    asked: dict[str, tuple[str, list[str]]] = {}
    wanted: dict[tuple[str, str], str | None] = {}
    for seed in range(SETS):
        text = random_rules(seed)
        found, compiled = syntax.database(syntax.parse(text)), postfix.compile_rules(text)
        chance = random.Random(seed)
        clients = sorted({random_address(chance) for _ in range(CLIENTS)})
        for client in clients:
            for name, action in expected(syntax.lookup(found, client)).items():
                wanted[f"cidr:{seed}/{name}", client] = action
        asked |= {f"cidr:{seed}/{name}": (table, clients) for name, table in compiled.tables.items() if name.endswith(".cidr")}
    answers = ask(lab, asked)
    assert {place: answers[place[0]].get(place[1]) for place in wanted} == wanted
    assert len(wanted) > SETS * CLIENTS


def test_postfix_answers_for_names(lab: Lab) -> None:
    tables = postfix.compile_rules("=mail.spam.example:deny\n=good.dyn.example:allow\n=.dyn.example:deny\n=.example:allow\n=:deny\n").tables
    names = ["mail.spam.example", "good.dyn.example", "x.dyn.example", "dyn.example", "other.test", "unknown", "192.0.2.7", "2001:db8::ab"]
    answers = ask(lab, {"regexp:names": (tables["names.regexp"], names)})["regexp:names"]
    assert [answers.get(name) for name in names] == ["REJECT", "DUNNO", "REJECT", "DUNNO", "REJECT", "DUNNO", "DUNNO", "DUNNO"]
