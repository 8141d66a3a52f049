"""Files and folders made to exhaust or mislead a reader: one module a kind of input, one function a kind of attack."""
