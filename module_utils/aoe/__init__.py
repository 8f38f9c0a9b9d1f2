"""ATA over Ethernet as an initiator sees it: frames, who answers, what the kernel made of it."""
