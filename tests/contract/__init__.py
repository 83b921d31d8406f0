"""The contract of the service, checked against the fake server or, with `--base-url`, any deployment: `contract`."""
