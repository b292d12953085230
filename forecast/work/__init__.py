"""Work: what it leaves on a disk while it goes on (whole files, locks, a folder), and how it is stopped."""
