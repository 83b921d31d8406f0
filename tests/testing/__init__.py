"""The fake server that users test with: `testing`."""
