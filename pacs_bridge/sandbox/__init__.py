"""A simulated hospital: synthetic mammograms with truth, a PACS with quirks, a reader at a viewer.

For the demo, the tests and rehearsals. Nothing here touches a real patient or system.
"""
