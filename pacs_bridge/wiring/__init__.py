"""The one place that knows all parts: constructor calls and `partial`, nothing else."""
