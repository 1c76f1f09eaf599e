"""Objects by the hash of their content, safe on disk before anybody is told so."""
