"""One client and a real server: `client`, `_sending`, `_transport`, `_exchange`, `_pool`, `_logs`."""
