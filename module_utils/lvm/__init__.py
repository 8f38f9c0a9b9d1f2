"""Volume groups, volumes and XFS: what there is, what that speaks against, and the steps to what is promised."""
