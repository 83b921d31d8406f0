"""The tests, in rooms that mirror the package; what several rooms use is in `helpers`."""
