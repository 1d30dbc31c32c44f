"""False alarms and power of the gate, measured on long records of identical code."""
