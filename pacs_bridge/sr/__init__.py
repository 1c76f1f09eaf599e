"""DICOM objects to marks and back: reports, presentation states, key objects, note grammar."""
