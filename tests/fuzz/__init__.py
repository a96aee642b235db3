"""Reports broken on purpose, by the thousand: what must hold of every command, whatever the file."""
