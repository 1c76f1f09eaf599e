"""pacs_bridge: breast-screening self-assessment rounds, to hospital PACS and back."""

__version__ = "0.1.0"
