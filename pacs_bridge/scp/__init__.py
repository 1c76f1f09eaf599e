"""DIMSE towards us: what is offered, and what each request is answered."""
