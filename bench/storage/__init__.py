"""How many letters a second AoE, LVM and XFS take, against the same machine's own disk; and which options of XFS matter."""
