"""The whole path: a letter from the internet crosses the exchanger, lies on the shelf, and is read at the proxy."""

from __future__ import annotations

from frontdoor import network, post
from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.frames import seen_on

#: Enough that a write of it fills frames.
LARGE = "".join(f"{number:06} {'x' * 60}\n" for number in range(3000))


def test_a_letter_travels_from_the_internet_over_the_shelf_to_the_proxy(lab: Lab, rosa: Person, store: Machine, shelf: Machine) -> None:
    campus, _ = network.NETWORKS["campus"]
    with seen_on(network.STORAGE) as frames, seen_on(campus) as elsewhere:
        token, outcome = lab.send(rosa.mail, body=LARGE)
        assert outcome.sent, outcome
        letter = lab.receive(rosa, token)
        lab.run(store.name, "sync -f /mnt/home")
    assert letter.get_content().splitlines() == LARGE.splitlines()
    assert post.path(letter)[-1] == store.name
    assert lab.run(store.name, f"findmnt -no FSTYPE -T /mnt/home/{rosa.uid}").strip() == "xfs"

    cards = {lab.inventory.hosts[machine.name]["storage_hardware_address"].lower() for machine in (store, shelf)}
    data = [frame for frame in frames if frame.data and {frame.source, frame.destination} == cards]
    written = [frame for frame in data if frame.write and not frame.response]
    assert sum(frame.data for frame in written) > len(LARGE), "the letter was not written to the shelf"
    assert max(frame.data for frame in written) > 8192, "no frame was a jumbo"
    assert {frame.vlan for frame in frames} == {lab.inventory.values["cluster_storage_vlan"]}, "a frame is not in the storage VLAN"
    assert elsewhere == [], "AoE was spoken outside the storage network"
