"""What SECURITY.md promises, tried for longer than the tests do: `make kill` and `make fuzz`."""
