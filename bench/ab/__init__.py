"""Compare two revisions of a repository in one session, with their timed blocks interleaved."""
