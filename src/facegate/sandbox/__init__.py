"""The zygote, its children and the messages between them and the worker."""
