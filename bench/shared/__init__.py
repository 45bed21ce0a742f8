"""What benches and tests share: the command as a process, scrapes, what is to be counted, PostgreSQL."""
