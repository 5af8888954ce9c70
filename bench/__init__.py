"""`make bench`: how fast mono is and what memory it takes, as ratios against a peer or a limit in one run."""
