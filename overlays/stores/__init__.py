"""Where a repository's files lie: a folder, an archive, or a commit of a git repository."""
