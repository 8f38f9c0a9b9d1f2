"""One machine more than the inventory has, for tests that purge packages and break what they please."""

from collections.abc import Iterator
from contextlib import contextmanager

from frontdoor import machines, network, paths, standing
from frontdoor.stages import Stages

NAME = "spare"


@contextmanager
def machine(stages: Stages) -> Iterator[str]:
    """Have one up, as the words of an inventory's line after ``ansible_host=``, and remove it whatever happens."""
    address = network.gateway("campus").rpartition(".")[0] + ".250"
    hosts = paths.STATE / "spare.yml"
    # The limit would find nobody if localhost were not named: an implicit one is in no inventory.
    hosts.write_text(f"all: {{hosts: {{localhost: {{ansible_connection: local}}, {NAME}: {{address: {address}}}}}}}\n")
    inventories = ["--inventory", str(standing.inventory()), "--inventory", str(hosts)]
    try:
        only = ["--limit", "localhost", "--extra-vars", f'{{"lab_names": ["{NAME}"]}}']
        stages.command(NAME, ["ansible-playbook", *inventories, *only, "playbooks/lab/create.yml"])
        yield f"{address} ansible_user=root ansible_ssh_extra_args='-F {paths.SSH_CONFIG}'"
    finally:
        machines.absent([NAME])
        hosts.unlink()
