"""What users import, pass in and catch: `__init__`, `_lazy`, `_arguments`, `errors`."""
